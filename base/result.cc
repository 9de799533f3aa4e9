#include "base/result.h"

#include <cstring>

#ifndef __GLIBC__
extern "C" const char* strerrordesc_np(int error_number);  // cmake/musl/libc_gaps.c
#endif

Error Error::from_errno(std::string_view what, int error_number) {
  return {ErrorKind::kSystem, std::string(what) + ": " + errno_text(error_number), error_number};
}

std::string errno_text(int error_number) {
  // The untranslated table: no lock, no locale, safe after clone.
  const char* text = strerrordesc_np(error_number);
  return text != nullptr ? text : "unknown error " + std::to_string(error_number);
}
