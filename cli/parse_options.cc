// getopt_long(3) held to Docker's rules: no abbreviated long options, no dependence on POSIXLY_CORRECT
// (arguments are collected here, getopt never permutes), "--flag=false", and Docker's sentences for errors.
#include <getopt.h>

#include "base/strings.h"
#include "cli/options.h"

namespace cli {

namespace {

constexpr OptionSpec kHelp = {0, "help", OptionKind::kFlag, "Print usage"};
constexpr OptionSpec kShortHelp = {'h', "help", OptionKind::kFlag, "Print usage"};
constexpr int kLongBase = 256;  // getopt's value for the long option n is kLongBase + n

class Parser {
 public:
  Parser(std::span<const OptionTable> tables, const std::vector<std::string>& words) : words_(words) {
    for (const auto table : tables) {
      for (const auto& option : table)
        known_.push_back(&option);
    }
    bool has_short_h = false;
    for (const auto* option : known_)
      has_short_h = has_short_h || option->short_name == 'h';
    known_.push_back(has_short_h ? &kHelp : &kShortHelp);
    describe();
    arguments_.push_back(program_.data());
    for (auto& word : words_)
      arguments_.push_back(word.data());
    arguments_.push_back(nullptr);
  }

  Result<Options> parse(Order order);

 private:
  void describe();
  Result<void> take(int code, const std::string& word);
  Result<bool> take_letters_with_value(const std::string& word);
  Result<void> set(const OptionSpec& option, const std::string& value);
  Error refusal(int code, const std::string& word) const;
  const OptionSpec* by_short_name(int code) const;

  std::string program_ = "vial";
  std::vector<std::string> words_;
  std::vector<char*> arguments_;
  std::vector<const OptionSpec*> known_;
  std::vector<option> long_options_;
  std::string short_options_ = "+:";  // stop at an argument; tell a missing value from an unknown option
  Options result_{{}};
};

void Parser::describe() {
  result_ = Options(known_);
  for (size_t i = 0; i < known_.size(); ++i) {
    const OptionSpec& known = *known_[i];
    const bool is_flag = known.kind == OptionKind::kFlag;
    long_options_.push_back({known.name, is_flag ? optional_argument : required_argument, nullptr,
                             kLongBase + static_cast<int>(i)});
    if (known.short_name == 0) continue;
    short_options_ += known.short_name;
    if (!is_flag) short_options_ += ':';
  }
  long_options_.push_back({nullptr, 0, nullptr, 0});
}

const OptionSpec* Parser::by_short_name(int code) const {
  for (const auto* known : known_) {
    if (known->short_name != 0 && known->short_name == code) return known;
  }
  return nullptr;
}

// What is wrong with `word`, where getopt stopped.
Error Parser::refusal(int code, const std::string& word) const {
  const bool is_long = word.starts_with("--");
  bool is_spelled_out = false;
  for (const auto* known : known_)
    is_spelled_out = is_spelled_out || word == std::string("--") + known->name;
  if (code == ':' && (is_spelled_out || !is_long)) {
    if (is_long) return invalid("flag needs an argument: " + printable(word));
    const char name = static_cast<char>(optopt);
    return invalid(std::string("flag needs an argument: '") + name + "' in -" +
                   printable(word.substr(word.find(name, 1))));
  }
  if (is_long) return invalid("unknown flag: " + printable(word.substr(0, word.find('='))));
  // The letters before the unknown one are known: its first place in the word is where getopt is.
  const size_t place = word.find(static_cast<char>(optopt), 1);
  const std::string rest = place == std::string::npos ? word : word.substr(place);
  return invalid("unknown shorthand flag: '" + printable(rest.substr(0, 1)) + "' in -" + printable(rest));
}

Result<void> Parser::take(int code, const std::string& word) {
  const OptionSpec* known =
      code >= kLongBase ? known_[static_cast<size_t>(code - kLongBase)] : by_short_name(code);
  if (known == nullptr) return refusal(code, word);
  std::string value = optarg != nullptr ? optarg : "true";
  if (code >= kLongBase) {
    const std::string spelled_out = std::string("--") + known->name;
    const bool abbreviated = word != spelled_out && !word.starts_with(spelled_out + "=");
    if (abbreviated) return refusal('?', word);
  } else if (optarg != nullptr && optarg != arguments_[static_cast<size_t>(optind) - 1] && value[0] == '=') {
    value.erase(0, 1);  // -e=A=1 is -e A=1
  }
  return set(*known, value);
}

Result<void> Parser::set(const OptionSpec& option, const std::string& value) {
  if (&option != &kHelp && &option != &kShortHelp) return result_.add(option, value);
  result_.want_help();
  return ok();
}

// -t=false and -dt=false, which getopt does not know: a flag's letter has no value there. False for every
// other word.
Result<bool> Parser::take_letters_with_value(const std::string& word) {
  const size_t equals = word.find('=');
  if (equals == std::string::npos || equals < 2 || word[0] != '-') return false;
  std::vector<const OptionSpec*> flags;
  for (size_t i = 1; i < equals; ++i) {
    const OptionSpec* flag = by_short_name(word[i]);
    if (flag == nullptr || flag->kind != OptionKind::kFlag) return false;
    flags.push_back(flag);
  }
  const OptionSpec* last = flags.back();
  flags.pop_back();
  for (const OptionSpec* flag : flags)
    TRY(set(*flag, "true"));
  TRY(set(*last, word.substr(equals + 1)));
  return true;
}

Result<Options> Parser::parse(Order order) {
  const int count = static_cast<int>(words_.size()) + 1;
  optind = 0;  // glibc: begin afresh
  opterr = 0;
  int place = 1;  // the word getopt is in: it moves optind only at a word's end
  int begun = 0;  // the last word that was looked at from its beginning
  while (place < count) {
    const std::string word = words_[static_cast<size_t>(place) - 1];
    const bool is_new = begun != place;
    begun = place;
    if (is_new && TRY(take_letters_with_value(word))) {
      optind = ++place;
      continue;
    }
    // NOLINTNEXTLINE(concurrency-mt-unsafe): every program of ours parses with one thread
    const int code =
        getopt_long(count, arguments_.data(), short_options_.c_str(), long_options_.data(), nullptr);
    if (code != -1) {
      TRY(take(code, word));
      place = optind;
      continue;
    }
    const bool ended = word == "--" && optind == place + 1;
    place = optind;
    if (!ended && order == Order::kMixed) {
      result_.add_argument(word);
      place = ++optind;
      continue;
    }
    for (; place < count; ++place)
      result_.add_argument(words_[static_cast<size_t>(place) - 1]);
  }
  return std::move(result_);
}

}  // namespace

Result<Options> parse_options(std::span<const OptionTable> tables, const std::vector<std::string>& words,
                              Order order) {
  return Parser(tables, words).parse(order);
}

}  // namespace cli
