// Evaluates a template's nodes.
#include "cli/template.h"

#include <optional>

#include "base/strings.h"
#include "cli/template_ast.h"

namespace cli {

using template_ast::Command;
using template_ast::Node;
using template_ast::Pipeline;
using template_ast::Word;

namespace {

class Evaluator {
 public:
  Evaluator(const Json& data, bool is_header) : root_(data), is_header_(is_header) {}

  Result<std::string> run(const std::vector<Node>& nodes) {
    TRY(list(nodes, root_));
    return std::move(out_);
  }

 private:
  struct Variable {
    std::string name;
    Json value;
  };

  // Variables declared inside end with the list.
  Result<void> list(const std::vector<Node>& nodes, const Json& dot) {
    const size_t mark = variables_.size();
    for (const auto& node : nodes)
      TRY(one(node, dot));
    variables_.resize(mark);
    return ok();
  }

  Result<void> one(const Node& node, const Json& dot) {
    if (node.kind == Node::Kind::kText) {
      out_ += node.text;
      return ok();
    }
    const size_t mark = variables_.size();
    const Json value = TRY_IN("template: executing at <" + printable(node.pipeline.text) + ">",
                              pipeline(node.pipeline, dot));
    if (node.kind == Node::Kind::kRange) {
      TRY(range(node, dot, value));
      variables_.resize(mark);
      return ok();
    }
    if (node.kind == Node::Kind::kPrint) {
      declare(node.pipeline, value);
      if (node.pipeline.variables.empty()) out_ += template_ast::go_text(value);
      return ok();
    }
    declare(node.pipeline, value);
    const bool holds = template_ast::is_true(value);
    const bool moves = holds && node.kind == Node::Kind::kWith;
    TRY(list(holds ? node.body : node.otherwise, moves ? value : dot));
    variables_.resize(mark);
    return ok();
  }

  void declare(const Pipeline& pipeline, const Json& value) {
    if (!pipeline.variables.empty()) set_variable(pipeline, pipeline.variables.front(), value);
  }

  void set_variable(const Pipeline& pipeline, const std::string& name, const Json& value) {
    for (size_t i = variables_.size(); pipeline.assigns && i > 0; --i) {
      if (variables_[i - 1].name != name) continue;
      variables_[i - 1].value = value;
      return;
    }
    variables_.push_back({name, value});
  }

  Result<void> range(const Node& node, const Json& dot, const Json& value) {
    if (value.is_null() || (value.is_structured() && value.empty())) return list(node.otherwise, dot);
    if (!value.is_structured()) return invalid("range can't iterate over " + template_ast::go_text(value));
    const size_t mark = variables_.size();
    size_t number = 0;
    for (const auto& [key, member] : value.items()) {
      const auto& names = node.pipeline.variables;
      const Json place = value.is_array() ? Json(number) : Json(key);
      if (names.size() == 2) set_variable(node.pipeline, names[0], place);
      if (!names.empty()) set_variable(node.pipeline, names.back(), member);
      TRY(list(node.body, member));
      if (!node.pipeline.assigns) variables_.resize(mark);
      ++number;
    }
    return ok();
  }

  Result<Json> pipeline(const Pipeline& pipeline, const Json& dot) {
    std::optional<Json> passed;
    for (const auto& command : pipeline.commands)
      passed = TRY(run_command(command, dot, passed));
    return std::move(*passed);
  }

  Result<Json> run_command(const Command& command, const Json& dot, const std::optional<Json>& passed) {
    const Word& first = command.words.front();
    const bool is_function = first.kind == Word::Kind::kFunction;
    if (is_function && (first.name == "and" || first.name == "or")) return logic(command, dot, passed);
    std::vector<Json> arguments;
    for (size_t i = 1; i < command.words.size(); ++i)
      arguments.push_back(TRY(word(command.words[i], dot)));
    if (passed) arguments.push_back(*passed);
    if (is_function) return template_ast::call_function(first.name, arguments);
    Json value = TRY(word(first, dot));
    if (arguments.empty() || is_header_) return value;
    // Docker's rows have methods with an argument: .Label "key". Here such a field is an object.
    if (!value.is_object() || arguments.size() != 1 || first.fields.empty())
      return invalid("can't give argument to non-function");
    return template_ast::call_function("index", {std::move(value), arguments[0]});
  }

  // and, or: stop at the argument that decides, and give that one.
  Result<Json> logic(const Command& command, const Json& dot, const std::optional<Json>& passed) {
    const bool is_or = command.words.front().name == "or";
    Json value;
    const size_t count = command.words.size() - 1 + (passed ? 1 : 0);
    if (count == 0) return invalid("wrong number of args for " + command.words.front().name);
    for (size_t i = 1; i <= count; ++i) {
      const bool is_passed = i == command.words.size();
      value = is_passed ? *passed : TRY(word(command.words[i], dot));
      if (template_ast::is_true(value) == is_or) return value;
    }
    return value;
  }

  Result<Json> word(const Word& word, const Json& dot) {
    Json value = TRY(base_of(word, dot));
    for (const auto& field : word.fields) {
      if (!value.is_object())
        return invalid("can't evaluate field " + printable(field) + " in " + template_ast::go_text(value));
      const auto found = value.find(field);
      if (found == value.end()) return invalid("map has no entry for key \"" + printable(field) + "\"");
      Json member = *found;
      value = std::move(member);
    }
    return value;
  }

  Result<Json> base_of(const Word& word, const Json& dot) {
    switch (word.kind) {
      case Word::Kind::kDot:
        return dot;
      case Word::Kind::kLiteral:
        return word.literal;
      case Word::Kind::kPipeline:
        return pipeline(word.nested.front(), dot);
      case Word::Kind::kFunction:
        return template_ast::call_function(word.name, {});
      case Word::Kind::kVariable:
        break;
    }
    if (word.name.empty()) return root_;
    for (size_t i = variables_.size(); i > 0; --i) {
      if (variables_[i - 1].name == word.name) return variables_[i - 1].value;
    }
    return invalid("undefined variable \"$" + printable(word.name) + "\"");
  }

  const Json& root_;
  bool is_header_;
  std::vector<Variable> variables_;
  std::string out_;
};

}  // namespace

Template::Template(std::vector<Node> nodes) : nodes_(std::move(nodes)) {}
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;
Template::~Template() = default;

Result<Template> Template::parse(std::string_view text) {
  return Template(TRY(template_ast::parse(text)));
}

Result<std::string> Template::render(const Json& data) const {
  return Evaluator(data, false).run(nodes_);
}

Result<std::string> Template::render_header(const Json& words) const {
  return Evaluator(words, true).run(nodes_);
}

}  // namespace cli
