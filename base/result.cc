#include "base/result.h"

#include <cstring>

Error Error::from_errno(std::string_view what, int error_number) {
  return {ErrorKind::kSystem, std::string(what) + ": " + errno_text(error_number), error_number};
}

std::string errno_text(int error_number) {
#ifdef __GLIBC__
  // strerrordesc_np(3) is the untranslated table: no lock, no locale, safe after clone.
  const char* text = strerrordesc_np(error_number);
#else
  const char* text = std::strerror(error_number);  // NOLINT(concurrency-mt-unsafe): musl's is such a table
#endif
  return text != nullptr ? text : "unknown error " + std::to_string(error_number);
}
