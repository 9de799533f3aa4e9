// Template text -> nodes. The action between {{ and }} is cut into tokens, then read by recursive descent.
#include <algorithm>
#include <charconv>

#include "base/strings.h"
#include "cli/template_ast.h"

namespace cli::template_ast {

namespace {

constexpr int kMaxDepth = 50;  // of nested blocks and parentheses

struct Token {
  enum class Kind {
    kField,
    kDot,
    kVariable,
    kLiteral,
    kName,
    kPipe,
    kOpen,
    kClose,
    kComma,
    kDeclare,
    kAssign
  };
  Kind kind;
  std::string text;
  Json literal;
  bool after_blank = true;  // .A.B is one word, .A .B are two
};

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         (static_cast<unsigned char>(c) & 0x80U) != 0;
}

// Cuts one action into tokens.
class Lexer {
 public:
  Lexer(std::string_view text, std::string where) : text_(text), where_(std::move(where)) {}

  Result<std::vector<Token>> tokens() {
    for (;;) {
      const size_t before = at_;
      while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
        ++at_;
      if (at_ == text_.size()) return std::move(tokens_);
      const bool after_blank = at_ != before;
      Token token = TRY(next());
      token.after_blank = after_blank;
      tokens_.push_back(std::move(token));
    }
  }

 private:
  Error wrong(const std::string& what) const { return invalid(where_ + what); }

  std::string name_here() {
    const size_t begin = at_;
    while (at_ < text_.size() && is_name_char(text_[at_]))
      ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  Result<Token> next() {
    const char c = text_[at_];
    if (c == '"' || c == '`' || c == '\'') return quoted(c);
    const bool negative =
        (c == '-' || c == '+') && at_ + 1 < text_.size() && text_[at_ + 1] >= '0' && text_[at_ + 1] <= '9';
    if ((c >= '0' && c <= '9') || negative) return number();
    if (c == '.' || c == '$') {
      ++at_;
      const std::string name = name_here();
      if (c == '$') return Token{Token::Kind::kVariable, name, nullptr};
      return Token{name.empty() ? Token::Kind::kDot : Token::Kind::kField, name, nullptr};
    }
    if (is_name_char(c)) return word();
    return symbol(c);
  }

  Result<Token> symbol(char c) {
    ++at_;
    if (c == '|') return Token{Token::Kind::kPipe, "|", nullptr};
    if (c == '(') return Token{Token::Kind::kOpen, "(", nullptr};
    if (c == ')') return Token{Token::Kind::kClose, ")", nullptr};
    if (c == ',') return Token{Token::Kind::kComma, ",", nullptr};
    if (c == '=') return Token{Token::Kind::kAssign, "=", nullptr};
    if (c == ':' && at_ < text_.size() && text_[at_] == '=') {
      ++at_;
      return Token{Token::Kind::kDeclare, ":=", nullptr};
    }
    return wrong("unexpected " + printable(std::string("\"") + c + "\"") + " in command");
  }

  Token word() {
    const std::string name = name_here();
    if (name == "true" || name == "false") return {Token::Kind::kLiteral, name, name == "true"};
    if (name == "nil") return {Token::Kind::kLiteral, name, nullptr};
    return {Token::Kind::kName, name, nullptr};
  }

  Result<Token> number() {
    const size_t begin = at_;
    if (text_[at_] == '-' || text_[at_] == '+') ++at_;
    while (at_ < text_.size() && (is_name_char(text_[at_]) || text_[at_] == '.'))
      ++at_;
    const std::string text(text_.substr(begin, at_ - begin));
    const std::string_view unsigned_text = text[0] == '+' ? std::string_view(text).substr(1) : text;
    if (const auto whole = parse_int(unsigned_text)) return Token{Token::Kind::kLiteral, text, *whole};
    double value = 0;
    const char* end = unsigned_text.data() + unsigned_text.size();
    const auto [stop, error] = std::from_chars(unsigned_text.data(), end, value);
    if (error != std::errc() || stop != end) return wrong("bad number syntax: \"" + printable(text) + "\"");
    return Token{Token::Kind::kLiteral, text, value};
  }

  Result<Token> quoted(char quote) {
    ++at_;
    std::string value;
    for (; at_ < text_.size(); ++at_) {
      char c = text_[at_];
      if (c == quote) {
        ++at_;
        return Token{Token::Kind::kLiteral, value, value};
      }
      if (c == '\\' && quote != '`' && at_ + 1 < text_.size()) {
        c = text_[++at_];
        const size_t known = std::string_view("ntr").find(c);
        if (known != std::string_view::npos) c = "\n\t\r"[known];
      }
      value += c;
    }
    return wrong("unterminated quoted string");
  }

  std::string_view text_;
  std::string where_;
  size_t at_ = 0;
  std::vector<Token> tokens_;
};

// What stands between two {{ }}, or one action.
struct Piece {
  bool is_action = false;
  std::string text;
  int line = 1;
};

constexpr std::string_view kBlank = " \t\r\n";

std::string where(int line) {
  return "template: :" + std::to_string(line) + ": ";
}

// The end of an action that begins at `begin`: the place of "}}" outside quotes, npos if there is none.
size_t action_end(std::string_view text, size_t begin) {
  char quote = 0;
  for (size_t i = begin; i < text.size(); ++i) {
    if (quote != 0) {
      if (text[i] == '\\' && quote != '`') {
        ++i;
      } else if (text[i] == quote) {
        quote = 0;
      }
    } else if (text[i] == '"' || text[i] == '`' || text[i] == '\'') {
      quote = text[i];
    } else if (text.substr(i, 2) == "}}") {
      return i;
    }
  }
  return std::string_view::npos;
}

Result<std::vector<Piece>> cut(std::string_view text) {
  std::vector<Piece> pieces;
  int line = 1;
  bool trim_next = false;
  for (;;) {
    const size_t open = text.find("{{");
    std::string plain(text.substr(0, open));
    const int plain_line = line;
    line += static_cast<int>(std::count(plain.begin(), plain.end(), '\n'));
    if (trim_next) plain.erase(0, std::min(plain.find_first_not_of(kBlank), plain.size()));
    const bool trims_left = open != std::string_view::npos && text.substr(open).starts_with("{{- ");
    if (trims_left) plain.erase(plain.find_last_not_of(kBlank) + 1);
    if (!plain.empty()) pieces.push_back({false, plain, plain_line});
    if (open == std::string_view::npos) return pieces;
    const size_t begin = open + (trims_left ? 4 : 2);
    const bool comment = text.substr(begin).starts_with("/*");
    const size_t comment_end = comment ? text.find("*/", begin) : begin;
    const size_t close = comment_end == std::string_view::npos ? comment_end : action_end(text, comment_end);
    if (close == std::string_view::npos) return invalid(where(line) + "unclosed action");
    std::string_view action = text.substr(begin, close - begin);
    trim_next = action.ends_with(" -");
    if (trim_next) action.remove_suffix(2);
    if (!comment) pieces.push_back({true, std::string(trim(action)), line});
    line += static_cast<int>(std::count(action.begin(), action.end(), '\n'));
    text.remove_prefix(close + 2);
  }
}

// Reads one pipeline out of tokens.
class PipelineReader {
 public:
  PipelineReader(std::vector<Token> tokens, std::string place)
      : tokens_(std::move(tokens)), place_(std::move(place)) {}

  Result<Pipeline> whole(const std::string& text) {
    Pipeline pipeline = TRY(read(0));
    if (at_ < tokens_.size()) return wrong("unexpected \"" + printable(tokens_[at_].text) + "\"");
    pipeline.text = text;
    return pipeline;
  }

 private:
  Error wrong(const std::string& what) const { return invalid(place_ + what); }
  bool is(size_t index, Token::Kind kind) const {
    return index < tokens_.size() && tokens_[index].kind == kind;
  }

  void read_variables(Pipeline& pipeline) {
    size_t i = at_;
    std::vector<std::string> names;
    while (is(i, Token::Kind::kVariable)) {
      names.push_back(tokens_[i++].text);
      if (!is(i, Token::Kind::kComma)) break;
      ++i;
    }
    if (names.empty() || names.size() > 2) return;
    if (!is(i, Token::Kind::kDeclare) && !is(i, Token::Kind::kAssign)) return;
    pipeline.assigns = is(i, Token::Kind::kAssign);
    pipeline.variables = std::move(names);
    at_ = i + 1;
  }

  Result<Pipeline> read(int depth) {
    if (depth > kMaxDepth) return wrong("nested too deeply");
    Pipeline pipeline;
    read_variables(pipeline);
    for (;;) {
      Command command;
      while (at_ < tokens_.size() && !is(at_, Token::Kind::kPipe) && !is(at_, Token::Kind::kClose))
        command.words.push_back(TRY(read_word(depth)));
      if (command.words.empty()) return wrong("missing value for command");
      pipeline.commands.push_back(std::move(command));
      if (!is(at_, Token::Kind::kPipe)) return pipeline;
      ++at_;
    }
  }

  Result<Word> read_word(int depth) {
    const Token& token = tokens_[at_++];
    Word word;
    switch (token.kind) {
      case Token::Kind::kDot:
        return word;
      case Token::Kind::kField:
        word.fields.push_back(token.text);
        break;
      case Token::Kind::kVariable:
        word.kind = Word::Kind::kVariable;
        word.name = token.text;
        break;
      case Token::Kind::kLiteral:
        word.kind = Word::Kind::kLiteral;
        word.literal = token.literal;
        return word;
      case Token::Kind::kName:
        if (!is_function(token.text)) return wrong("function \"" + printable(token.text) + "\" not defined");
        word.kind = Word::Kind::kFunction;
        word.name = token.text;
        return word;
      case Token::Kind::kOpen:
        word.kind = Word::Kind::kPipeline;
        word.nested.push_back(TRY(read(depth + 1)));
        if (!is(at_, Token::Kind::kClose)) return wrong("unclosed left paren");
        ++at_;
        break;
      default:
        return wrong("unexpected \"" + printable(token.text) + "\" in operand");
    }
    while (is(at_, Token::Kind::kField) && !tokens_[at_].after_blank)
      word.fields.push_back(tokens_[at_++].text);
    return word;
  }

  std::vector<Token> tokens_;
  std::string place_;
  size_t at_ = 0;
};

Result<Pipeline> read_pipeline(const std::string& text, int line) {
  auto tokens = TRY(Lexer(text, where(line)).tokens());
  return PipelineReader(std::move(tokens), where(line)).whole(text);
}

// Puts pieces together to blocks.
class BlockReader {
 public:
  explicit BlockReader(std::vector<Piece> pieces) : pieces_(std::move(pieces)) {}

  Result<std::vector<Node>> whole() {
    auto nodes = TRY(read_list(0));
    if (at_ < pieces_.size())
      return invalid(where(pieces_[at_].line) + "unexpected {{" + pieces_[at_].text + "}}");
    return nodes;
  }

 private:
  static bool ends_list(const Piece& piece) {
    return piece.is_action &&
           (piece.text == "end" || piece.text == "else" || piece.text.starts_with("else "));
  }

  Result<std::vector<Node>> read_list(int depth) {
    std::vector<Node> nodes;
    if (depth > kMaxDepth) return invalid("template: nested too deeply");
    while (at_ < pieces_.size() && !ends_list(pieces_[at_])) {
      const Piece& piece = pieces_[at_++];
      if (!piece.is_action) {
        nodes.push_back({Node::Kind::kText, piece.text, {}, {}, {}});
        continue;
      }
      const std::string word = piece.text.substr(0, piece.text.find_first_of(kBlank));
      if (word == "if" || word == "range" || word == "with") {
        nodes.push_back(TRY(read_block(piece, word, piece.text.substr(word.size()), depth)));
        continue;
      }
      nodes.push_back({Node::Kind::kPrint, "", TRY(read_pipeline(piece.text, piece.line)), {}, {}});
    }
    return nodes;
  }

  Result<Node> read_block(const Piece& opening, const std::string& word, const std::string& condition,
                          int depth) {
    Node node;
    node.kind = word == "if" ? Node::Kind::kIf : word == "range" ? Node::Kind::kRange : Node::Kind::kWith;
    const int line = opening.line;
    node.pipeline = TRY(read_pipeline(std::string(trim(condition)), line));
    node.body = TRY(read_list(depth + 1));
    if (at_ == pieces_.size()) return invalid(where(line) + "unexpected EOF: {{end}} is missing");
    const Piece closing = pieces_[at_++];
    if (closing.text == "end") return node;
    const std::string rest(trim(std::string_view(closing.text).substr(4)));
    const std::string next = rest.substr(0, rest.find_first_of(kBlank));
    if (next == "if" || next == "with") {  // shares the {{end}}
      node.otherwise.push_back(TRY(read_block(closing, next, rest.substr(next.size()), depth + 1)));
      return node;
    }
    if (!rest.empty()) return invalid(where(closing.line) + "unexpected {{" + closing.text + "}}");
    node.otherwise = TRY(read_list(depth + 1));
    if (at_ == pieces_.size() || pieces_[at_].text != "end")
      return invalid(where(line) + "unexpected EOF: {{end}} is missing");
    ++at_;
    return node;
  }

  std::vector<Piece> pieces_;
  size_t at_ = 0;
};

}  // namespace

Result<std::vector<Node>> parse(std::string_view text) {
  auto pieces = TRY(cut(text));
  return BlockReader(std::move(pieces)).whole();
}

}  // namespace cli::template_ast
