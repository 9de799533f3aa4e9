#include "security/filter_cache.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <optional>

#include "base/file.h"
#include "base/syscalls.h"

namespace security {
namespace {

constexpr uint32_t kMagic = 0x32464956;  // "VIF2"
constexpr size_t kFiles = 256;
constexpr size_t kLongestName = 16;

// A file: this, the text that the filter was made from, the program.
struct Header {
  uint32_t magic = kMagic;
  uint32_t flags = 0;
  uint64_t text_bytes = 0;
  std::array<char, kLongestName> name = {};
  // The program that compiled: a new build has another inode, size or time.
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t size = 0;
  int64_t modified_s = 0;
  int64_t modified_ns = 0;
};

std::optional<Header> own_header(std::string_view made_from) {
  struct stat self = {};
  if (::stat("/proc/self/exe", &self) < 0) return std::nullopt;
  Header header;
  header.text_bytes = made_from.size();
  header.device = self.st_dev;
  header.inode = self.st_ino;
  header.size = self.st_size;
  header.modified_s = self.st_mtim.tv_sec;
  header.modified_ns = self.st_mtim.tv_nsec;
  return header;
}

std::optional<FilterProgram> read_program(const std::string& path, Header expected,
                                          std::string_view made_from) {
  const auto content = read_file(path);
  Header header;
  if (!content || content->size() <= sizeof header + made_from.size()) return std::nullopt;
  std::memcpy(&header, content->data(), sizeof header);
  expected.flags = header.flags;
  expected.name = header.name;
  const std::string_view rest = std::string_view(*content).substr(sizeof header);
  const std::string_view program = rest.substr(made_from.size());
  const bool is_ours = std::memcmp(&header, &expected, sizeof header) == 0 && rest.starts_with(made_from);
  if (!is_ours || program.size() % sizeof(sock_filter) != 0) return std::nullopt;
  FilterProgram filter;
  filter.name.assign(header.name.data(), ::strnlen(header.name.data(), header.name.size()));
  filter.bytes = program;
  filter.flags = header.flags;
  return filter;
}

// Without a name until it is whole: a kill or a full disk leaves nothing.
void write_program(const std::string& directory, const std::string& path, Header header,
                   std::string_view made_from, const FilterProgram& filter) {
  header.flags = filter.flags;
  filter.name.copy(header.name.data(), header.name.size());
  std::string content(sizeof header, '\0');
  std::memcpy(content.data(), &header, sizeof header);
  content += made_from;
  content += filter.bytes;
  if (!make_directories(directory, 0700) || !is_private_directory(directory)) return;
  const auto file = sys::open(directory.c_str(), O_TMPFILE | O_WRONLY, 0600);
  if (!file || !write_all(file->get(), content)) return;
  const std::string unnamed = "/proc/self/fd/" + std::to_string(file->get());
  (void)::unlink(path.c_str());  // what another one reads meanwhile stays his
  (void)::linkat(AT_FDCWD, unnamed.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW);
}

// Unambiguous: every text comes with its length.
class Text {
 public:
  void add(std::string_view text) {
    text_ += std::to_string(text.size()) + ":";
    text_ += text;
  }
  void add(uint64_t number) { text_ += std::to_string(number) + ";"; }
  void add(std::optional<uint32_t> number) { text_ += number ? std::to_string(*number) + ";" : "-;"; }
  void add(const std::vector<std::string>& texts) {
    add(texts.size());
    for (const auto& text : texts)
      add(text);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string text_of(const SeccompFilterSpec& spec) {
  Text text;
  text.add(spec.default_action);
  text.add(spec.default_errno_return);
  text.add(spec.architectures);
  text.add(spec.flags);
  text.add(spec.listener_path);  // some rules are an error without one
  for (const auto& rule : spec.rules) {
    text.add(rule.names);
    text.add(rule.action);
    text.add(rule.errno_return);
    text.add(rule.arguments.size());
    for (const auto& argument : rule.arguments) {
      text.add(argument.index);
      text.add(argument.value);
      text.add(argument.value_two);
      text.add(argument.op);
    }
  }
  return text.take();
}

}  // namespace

Result<FilterProgram> cached_filter(const std::string& directory, std::string_view made_from,
                                    const std::function<Result<FilterProgram>()>& compile) {
  const auto header = own_header(made_from);
  const size_t slot = std::hash<std::string_view>()(made_from) % kFiles;
  const std::string path = directory + "/" + std::to_string(slot) + ".bpf";
  if (header && is_private_directory(directory)) {
    auto cached = read_program(path, *header, made_from);
    if (cached) return std::move(*cached);
  }
  FilterProgram filter = TRY(compile());
  if (header && filter.name.size() <= kLongestName)
    write_program(directory, path, *header, made_from, filter);
  return filter;
}

Result<FilterProgram> cached_filter(const std::string& directory, const SeccompFilterSpec& spec) {
  FilterProgram filter = TRY(cached_filter(directory, text_of(spec), [&] { return compile_filter(spec); }));
  if (!asks_agent(spec)) return filter;
  filter.listener_path = spec.listener_path;
  filter.listener_metadata = spec.listener_metadata;
  return filter;
}

}  // namespace security
