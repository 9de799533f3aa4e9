// The parsed form of a template; shared by its parser, evaluator and functions only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace cli::template_ast {

struct Pipeline;

// One word of a command, and the fields taken of it: `.State.Pid`, `$x.Name`, `"text"`, `(len .Args)`,
// `join`.
struct Word {
  enum class Kind { kDot, kVariable, kLiteral, kFunction, kPipeline };
  Kind kind = Kind::kDot;
  std::string name;  // of a variable ("" is $) or function
  Json literal;
  std::vector<Pipeline> nested;  // one, for kPipeline
  std::vector<std::string> fields;
};

struct Command {
  std::vector<Word> words;
};

struct Pipeline {
  std::vector<std::string> variables;  // declared or assigned: {{$i, $e := ...}}
  bool assigns = false;                // "=" instead of ":="
  std::vector<Command> commands;
  std::string text;  // as written, for errors
};

struct Node {
  enum class Kind { kText, kPrint, kIf, kRange, kWith };
  Kind kind = Kind::kText;
  std::string text;
  Pipeline pipeline;
  std::vector<Node> body;
  std::vector<Node> otherwise;
};

Result<std::vector<Node>> parse(std::string_view text);

bool is_function(std::string_view name);
// Calls any function but `and` and `or`, which do not evaluate all their arguments.
Result<Json> call_function(const std::string& name, const std::vector<Json>& arguments);
// Go's idea of true: not false, 0, "", nil or empty.
bool is_true(const Json& value);
// As Go's print shows a value: [a b], map[k:v], <nil>.
std::string go_text(const Json& value);

}  // namespace cli::template_ast
