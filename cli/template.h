// Go templates as `--format` takes them (text/template, the part that command lines use), over JSON values:
// fields, pipes, variables, if, else if, else, range, with, comments, trim markers, and Docker's functions.
// Not there: define, template, block, method calls. Source: https://pkg.go.dev/text/template and
// https://docs.docker.com/engine/cli/formatting/.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace cli {

namespace template_ast {
struct Node;
}

class Template {
 public:
  // kInvalid, `template: :1: what` with the line, for what is no template.
  static Result<Template> parse(std::string_view text);
  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;
  Template(const Template&) = delete;
  Template& operator=(const Template&) = delete;
  ~Template();

  // The text for `data`. kInvalid for a field that is not there, or a function's wrong arguments. Strings
  // come out as they are: the caller makes them safe for a terminal.
  Result<std::string> render(const Json& data) const;
  // The same for a table's header, where every field is a word and arguments of fields are ignored.
  Result<std::string> render_header(const Json& words) const;

 private:
  explicit Template(std::vector<template_ast::Node> nodes);
  std::vector<template_ast::Node> nodes_;
};

}  // namespace cli
