#include "image/changes.h"

#include <algorithm>

#include "base/json.h"
#include "base/strings.h"

namespace image {

namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n';
}

// ["a", "b"] or nothing when the text is no JSON array of strings.
std::optional<std::vector<std::string>> json_words(std::string_view text) {
  if (!text.starts_with('[')) return std::nullopt;
  const auto document = parse_json(text);
  if (!document) return std::nullopt;
  auto words = JsonView(*document).strings();
  if (!words) return std::nullopt;
  return std::move(*words);
}

// The exec form as it is, the shell form for the image's shell.
std::vector<std::string> command_words(const RunConfig& config, std::string_view text) {
  if (auto words = json_words(text)) return std::move(*words);
  std::vector<std::string> command = config.shell;
  if (command.empty()) command = {"/bin/sh", "-c"};
  command.emplace_back(text);
  return command;
}

// "A=1 B='2 3'", or the old form "A the rest".
Result<std::vector<std::pair<std::string, std::string>>> read_pairs(std::string_view text, const char* what) {
  const auto words = TRY(split_words(text));
  std::vector<std::pair<std::string, std::string>> pairs;
  if (!words.empty() && !contains(words.front(), "=")) {
    const std::string_view rest = trim(text.substr(std::min(text.size(), words.front().size())));
    if (rest.empty()) return invalid(std::string(what) + " must have two arguments");
    pairs.emplace_back(words.front(), std::string(rest));
    return pairs;
  }
  for (const auto& word : words) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0)
      return invalid(std::string(what) + ": '" + printable(word) + "' is not name=value");
    pairs.emplace_back(word.substr(0, equals), word.substr(equals + 1));
  }
  return pairs;
}

void set_env(RunConfig& config, const std::string& name, const std::string& value) {
  const std::string prefix = name + "=";
  const auto old = std::find_if(config.env.begin(), config.env.end(),
                                [&](const std::string& entry) { return entry.starts_with(prefix); });
  if (old != config.env.end()) {
    *old = prefix + value;
  } else {
    config.env.push_back(prefix + value);
  }
}

void insert_sorted(std::vector<std::string>& values, const std::string& value) {
  const auto at = std::lower_bound(values.begin(), values.end(), value);
  if (at == values.end() || *at != value) values.insert(at, value);
}

// "80", "53/udp", "8000-8002/tcp".
Result<void> expose(RunConfig& config, const std::string& word) {
  constexpr uint64_t kMaxPort = 65535;
  const size_t slash = word.find('/');
  const std::string protocol = slash == std::string::npos ? "tcp" : to_lower(word.substr(slash + 1));
  const auto range = split(word.substr(0, slash), '-');
  const auto first = parse_uint(range.front());
  const auto last = parse_uint(range.back());
  const bool known = protocol == "tcp" || protocol == "udp" || protocol == "sctp";
  if (range.size() > 2 || !first || !last || *first < 1 || *last > kMaxPort || *last < *first || !known)
    return invalid("invalid containerPort: " + printable(word));
  for (uint64_t port = *first; port <= *last; ++port)
    insert_sorted(config.exposed_ports, std::to_string(port) + "/" + protocol);
  return ok();
}

Result<void> change_lists(RunConfig& config, std::string_view name, std::string_view rest) {
  if (name == "ENV") {
    const auto pairs = TRY(read_pairs(rest, "ENV"));
    for (const auto& [key, value] : pairs)
      set_env(config, key, value);
    return ok();
  }
  if (name == "LABEL") {
    const auto pairs = TRY(read_pairs(rest, "LABEL"));
    for (const auto& [key, value] : pairs)
      config.labels[key] = value;
    return ok();
  }
  auto words = json_words(rest);
  if (!words) words = TRY(split_words(rest));
  for (const auto& word : *words) {
    if (name == "VOLUME") insert_sorted(config.volumes, word);
    if (name == "EXPOSE") TRY(expose(config, word));
  }
  return ok();
}

}  // namespace

Result<std::vector<std::string>> split_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote == 0 && is_blank(c)) {
      if (in_word) words.push_back(std::exchange(word, {}));
      in_word = false;
      continue;
    }
    in_word = true;
    if (c == '\\' && quote != '\'' && i + 1 < text.size()) {
      word += text[++i];
    } else if (quote != 0 && c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    } else {
      word += c;
    }
  }
  if (quote != 0) return invalid("a quote is not closed: " + printable(text));
  if (in_word) words.push_back(std::move(word));
  return words;
}

Result<void> apply_change(RunConfig& config, std::string_view instruction) {
  const std::string_view text = trim(instruction);
  const size_t end = std::min(text.find_first_of(" \t"), text.size());
  const std::string name = to_upper(text.substr(0, end));
  const std::string_view rest = trim(text.substr(end));
  const bool is_command = name == "CMD" || name == "ENTRYPOINT";
  if (rest.find('\0') != std::string_view::npos) return invalid(printable(name) + " has a NUL byte");
  if (rest.empty() && !is_command) {
    if (name == "RUN" || name == "COPY" || name == "ADD" || name == "FROM" || name.empty())
      return invalid(printable(name) + " is not a valid change command");
    return invalid(printable(name) + " requires an argument");
  }
  if (name == "CMD") {
    config.cmd = command_words(config, rest);
  } else if (name == "ENTRYPOINT") {
    config.entrypoint = command_words(config, rest);
  } else if (name == "USER") {
    config.user = rest;
  } else if (name == "WORKDIR") {
    config.working_dir =
        rest.starts_with('/') ? std::string(rest) : config.working_dir + "/" + std::string(rest);
  } else if (name == "STOPSIGNAL") {
    config.stop_signal = rest;
  } else if (name == "ONBUILD") {
    config.on_build.emplace_back(rest);
  } else if (name == "ENV" || name == "LABEL" || name == "VOLUME" || name == "EXPOSE") {
    return change_lists(config, name, rest);
  } else {
    return invalid(printable(name) + " is not a valid change command");
  }
  return ok();
}

}  // namespace image
