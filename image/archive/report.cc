#include "image/archive/report.h"

#include <unistd.h>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"

namespace image {

namespace {

constexpr size_t kMaxReport = 256U << 20U;  // paths of directories, 10 M entries at the most
constexpr size_t kMaxErrorText = 8192;

Error read_error(const std::vector<std::string>& fields) {
  if (fields.size() != 4) return corrupt("unreadable answer");
  const uint64_t kind = parse_uint(fields[1]).value_or(UINT64_MAX);
  const uint64_t number = parse_uint(fields[2]).value_or(UINT64_MAX);
  constexpr int kMaxErrno = 4095;
  if (kind > static_cast<uint64_t>(ErrorKind::kCorrupt) || number > kMaxErrno)
    return corrupt("unreadable answer");
  return Error(static_cast<ErrorKind>(kind), printable(fields[3].substr(0, kMaxErrorText)),
               static_cast<int>(number));
}

}  // namespace

Result<Fd> make_report() {
  return sys::memfd_create("vial-report", 0);
}

Result<void> write_report(int fd, const std::vector<std::string>& records) {
  std::string text("ok\0", 3);
  for (const auto& record : records) {
    text += record;
    text += '\0';
  }
  return write_all(fd, text);
}

void write_failure(int fd, const Error& error) {
  std::string text("error\0", 6);
  text += std::to_string(static_cast<int>(error.kind())) + '\0';
  text += std::to_string(error.error_number()) + '\0';
  text += error.text() + '\0';
  static_cast<void>(write_all(fd, text));
}

Result<std::vector<std::string>> read_report(int fd) {
  if (::lseek(fd, 0, SEEK_SET) < 0) return Error::from_errno("lseek", errno);
  const std::string text = TRY(read_fd(fd, kMaxReport));
  auto fields = split(text, '\0');
  if (!fields.empty() && fields.back().empty()) fields.pop_back();
  if (fields.empty()) return corrupt("the unpacking process ended without an answer");
  if (fields.front() == "ok") {
    fields.erase(fields.begin());
    return fields;
  }
  if (fields.front() != "error") return corrupt("unreadable answer");
  return read_error(fields);
}

}  // namespace image
