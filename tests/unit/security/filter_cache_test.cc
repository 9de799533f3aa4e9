#include "security/filter_cache.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <set>

#include "base/file.h"
#include "security/seccomp_profile.h"
#include "tests/unit/temporary_directory.h"

using security::cached_filter;
using security::FilterProgram;

namespace {

class Directory {
 public:
  std::string cache() const { return temporary_.file("cache"); }
  std::vector<std::string> files() const { return list_directory(cache()).value_or({}); }

 private:
  TemporaryDirectory temporary_;
};

// A filter that is told from others by its bytes, and how often it was compiled.
struct Compiler {
  int count = 0;
  char letter = 'a';
  Result<FilterProgram> operator()() {
    ++count;
    FilterProgram filter;
    filter.name = "allow-list";
    filter.bytes = std::string(16, letter);
    filter.flags = 2;
    return filter;
  }
};

FilterProgram get(const Directory& directory, const std::string& text, Compiler& compiler) {
  auto filter = cached_filter(directory.cache(), text, [&] { return compiler(); });
  REQUIRE(filter);
  return std::move(*filter);
}

}  // namespace

TEST_CASE("a filter is compiled once, and is the same when it is read back") {
  const Directory directory;
  Compiler compiler;
  for (int i = 0; i < 3; ++i) {
    const FilterProgram filter = get(directory, "text", compiler);
    CHECK(filter.bytes == std::string(16, 'a'));
    CHECK(filter.name == "allow-list");
    CHECK(filter.flags == 2);
  }
  CHECK(compiler.count == 1);
  REQUIRE(directory.files().size() == 1);
  // Its text is what tells it from others, not the name of its file.
  const std::string file = directory.cache() + "/" + directory.files()[0];
  std::string content = read_file(file).value();
  content[content.find("text")] = 'n';
  REQUIRE(replace_file(file, content));
  compiler.letter = 'b';
  CHECK(get(directory, "text", compiler).bytes == std::string(16, 'b'));
  CHECK(compiler.count == 2);
}

TEST_CASE("what is damaged or another program's is compiled anew") {
  const Directory directory;
  Compiler compiler;
  get(directory, "text", compiler);
  const std::string file = directory.cache() + "/" + directory.files()[0];
  const std::string good = read_file(file).value();
  int expected = 1;
  // Every byte before the program: magic, flags aside, lengths, the compiling program, the text.
  for (size_t i = 0; i < good.size() - 16; ++i) {
    const bool is_told = i >= 4 && i < 8;    // the flags are part of the answer
    const bool is_name = i >= 16 && i < 32;  // and so is the name
    if (is_told || is_name) continue;
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    REQUIRE(replace_file(file, bad));
    get(directory, "text", compiler);
    INFO(i);
    CHECK(compiler.count == ++expected);
  }
  for (const size_t size : {size_t{0}, size_t{10}, good.size() - 16, good.size() - 1}) {
    REQUIRE(replace_file(file, good.substr(0, size)));
    get(directory, "text", compiler);
    INFO(size);
    CHECK(compiler.count == ++expected);
  }
}

TEST_CASE("many filters take a bounded place, and none is taken for another", "[slow]") {
  const Directory directory;
  Compiler compiler;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 1000; ++i) {
      compiler.letter = static_cast<char>(i % 100);
      const auto filter = get(directory, std::to_string(i), compiler);
      REQUIRE(filter.bytes == std::string(16, static_cast<char>(i % 100)));
    }
  }
  CHECK(directory.files().size() <= 256);
}

TEST_CASE("a directory that others may write is not used, one that can't be made is no error") {
  const Directory directory;
  Compiler compiler;
  get(directory, "text", compiler);
  REQUIRE(::chmod(directory.cache().c_str(), 0777) == 0);
  get(directory, "text", compiler);
  get(directory, "other", compiler);
  CHECK(compiler.count == 3);
  CHECK(directory.files().size() == 1);
  REQUIRE(::chmod(directory.cache().c_str(), 0700) == 0);
  REQUIRE(::chown(directory.cache().c_str(), 1, 0) == 0);
  get(directory, "text", compiler);
  CHECK(compiler.count == 4);

  CHECK(cached_filter("/proc/no/such", "text", [&] { return compiler(); }));
  const auto failed =
      cached_filter(directory.cache(), "bad", [] { return Result<FilterProgram>(invalid("no")); });
  REQUIRE_FALSE(failed);
  CHECK(failed.error().text() == "no");
}

TEST_CASE("specs that differ in anything have filters of their own") {
  const Directory directory;
  const auto base = security::default_filter({});
  std::vector<security::SeccompFilterSpec> specs(9, base);
  specs[1].default_errno_return = 7;
  specs[2].rules.pop_back();
  specs[3].rules[0].names.pop_back();
  specs[4].rules[0].names[0] = "ptrace";
  specs[5].flags = {"SECCOMP_FILTER_FLAG_LOG"};
  specs[6].rules[0].action = "SCMP_ACT_KILL";
  specs[7].rules[0].arguments = {{0, 1, 0, "SCMP_CMP_EQ"}};
  specs[8].rules[0].arguments = {{0, 2, 0, "SCMP_CMP_EQ"}};
  std::set<std::string> programs;
  for (int round = 0; round < 2; ++round) {
    for (const auto& spec : specs) {
      const auto cached = cached_filter(directory.cache(), spec);
      const auto compiled = security::compile_filter(spec);
      REQUIRE(cached);
      REQUIRE(compiled);
      CHECK(cached->bytes == compiled->bytes);
      CHECK(cached->flags == compiled->flags);
      CHECK(cached->name == compiled->name);
      programs.insert(cached->bytes + std::to_string(cached->flags));
    }
  }
  CHECK(programs.size() == specs.size());
  // What the filter does not depend on comes from the spec that asks.
  auto listened = base;
  listened.rules[0].action = "SCMP_ACT_NOTIFY";
  for (const char* path : {"/one", "/two"}) {
    listened.listener_path = path;
    listened.listener_metadata = path;
    const auto cached = cached_filter(directory.cache(), listened);
    REQUIRE(cached);
    CHECK(cached->listener_path == path);
    CHECK(cached->listener_metadata == path);
  }
}

// spec: config-linux.md#seccomp.listenerPath.unused
TEST_CASE("without a rule that asks it the agent's socket is nobody's business") {
  const Directory directory;
  security::SeccompFilterSpec spec;
  spec.default_action = "SCMP_ACT_ALLOW";
  spec.rules = {{{"mkdir"}, "SCMP_ACT_ERRNO", std::nullopt, {}}};
  spec.listener_path = "/no/such";
  spec.listener_metadata = "x";
  CHECK(security::compile_filter(spec).value().listener_path.empty());
  for (int i = 0; i < 2; ++i) {  // compiled, then read
    const auto cached = cached_filter(directory.cache(), spec);
    REQUIRE(cached);
    CHECK(cached->listener_path.empty());
    CHECK(cached->listener_metadata.empty());
  }
}
