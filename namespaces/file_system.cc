#include "namespaces/file_system.h"

#include <string>

#include "base/strings.h"
#include "base/syscalls.h"

namespace namespaces {
namespace {

// What the file system says about an error: fsopen(2) keeps it to be read.
Error explained(int filesystem_fd, Error error) {
  std::string words(256, '\0');
  const auto count = sys::read(filesystem_fd, words);
  if (!count || *count < 3) return error;
  words.resize(*count);
  const std::string text = printable(trim(words.substr(2)));  // "e " in front
  return {error.kind(), text + ": " + error.text(), error.error_number()};
}

}  // namespace

Result<void> set_parameters(int filesystem_fd, const Parameters& parameters) {
  for (const auto& [key, value] : parameters) {
    auto set = value.empty() ? sys::fsconfig_flag(filesystem_fd, key.c_str())
                             : sys::fsconfig_string(filesystem_fd, key.c_str(), value.c_str());
    if (!set) return explained(filesystem_fd, std::move(set).error());
  }
  return ok();
}

Result<Fd> detached_mount(int filesystem_fd, const Parameters& parameters, unsigned attributes) {
  TRY(set_parameters(filesystem_fd, parameters));
  auto created = sys::fsconfig_create(filesystem_fd);
  if (!created) return explained(filesystem_fd, std::move(created).error());
  return sys::fsmount(filesystem_fd, attributes);
}

}  // namespace namespaces
