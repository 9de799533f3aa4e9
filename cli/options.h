// Options as data: a command's options are one constant table, and parsing (over getopt_long(3)), --help, man
// pages and shell completion all read it. Knows Docker's rules of spelling, not what any option means.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cli {

enum class OptionKind {
  kFlag,             // --rm, --rm=false
  kString,           // --name web; the last one counts
  kList,             // -e A=1 -e B=2; each one counts
  kInt,              // --pids-limit 100
  kSize,             // -m 64m; bytes, units are powers of 1024
  kSizeOrUnlimited,  // --memory-swap 1g, or -1
  kDecimal,          // --cpus 1.5; read as billionths
  kDuration,         // --health-interval 1m30s; nanoseconds
};

// For a value with a grammar of its own: the error's text is the reason that Docker would give.
using ValueCheck = Result<void> (*)(const std::string& value);

struct OptionSpec {
  char short_name = 0;  // 0: only the long form
  const char* name = nullptr;
  OptionKind kind = OptionKind::kFlag;
  const char* help = nullptr;           // what --help says; nullptr: understood, but not shown
  const char* value = nullptr;          // the value's name in --help; nullptr: the kind's own
  const char* default_value = nullptr;  // what the getters give when the option is absent
  const char* same_as = nullptr;        // an older spelling of that option
  ValueCheck check = nullptr;           // beyond what the kind demands
};

using OptionTable = std::span<const OptionSpec>;

// The value's name in --help: "string", "bytes"; empty for a flag.
std::string value_name(const OptionSpec& option);
// "-m, --memory" or "--rm".
std::string spelled(const OptionSpec& option);

// What a command line said. The getters take names of the command's own table, and values that do not parse
// were refused by parse_options(): a getter can't fail.
class Options {
 public:
  explicit Options(std::vector<const OptionSpec*> known) : known_(std::move(known)) {}

  bool given(std::string_view name) const;
  bool flag(std::string_view name) const;                          // false unless the default says otherwise
  std::optional<bool> optional_flag(std::string_view name) const;  // nullopt: neither given nor defaulted
  std::string string(std::string_view name) const;                 // "" when absent
  std::vector<std::string> list(std::string_view name) const;
  std::optional<int64_t> integer(std::string_view name) const;
  std::optional<int64_t> size_bytes(std::string_view name) const;  // -1: unlimited
  std::optional<int64_t> billionths(std::string_view name) const;
  std::optional<int64_t> duration_ns(std::string_view name) const;

  bool help_wanted() const { return help_wanted_; }
  const std::vector<std::string>& arguments() const { return arguments_; }

  // For the parser: notes one occurrence. kInvalid, in Docker's words, for a value of the wrong kind.
  Result<void> add(const OptionSpec& option, const std::string& value);
  void add_argument(std::string word) { arguments_.push_back(std::move(word)); }
  void want_help() { help_wanted_ = true; }

 private:
  struct Given {
    std::string_view name;
    std::string value;
  };
  // The last value, else the default, else nullopt.
  std::optional<std::string> value_of(std::string_view name) const;

  std::vector<const OptionSpec*> known_;
  std::vector<Given> given_;
  std::vector<std::string> arguments_;
  bool help_wanted_ = false;
};

enum class Order {
  kMixed,         // options may follow arguments: vial stop web -t 3
  kOptionsFirst,  // what follows the first argument is not ours: vial run busybox ls -l
};

// Parses `words` (without program and command name) by `tables`. --help and, where the tables do not have it,
// -h are always understood. "--" ends the options. Long names must be spelled out, as Docker wants it.
// Errors: kInvalid with Docker's sentence ("unknown flag: --bogus", "flag needs an argument: --name",
// "invalid argument "x" for "-m, --memory" flag: ..."). Uses getopt's global state: one thread only.
Result<Options> parse_options(std::span<const OptionTable> tables, const std::vector<std::string>& words,
                              Order order);

}  // namespace cli
