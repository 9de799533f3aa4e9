// `login` and `logout`: docker's options and texts.
#include "image/registry/login.h"

#include <termios.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"
#include "cli/image/handlers.h"
#include "cli/output.h"

namespace cli {

namespace {

constexpr size_t kMaxSecret = 1U << 20U;

// What is typed is not echoed as long as this lives.
class Unechoed {
 public:
  Unechoed() {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    changed_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0;
  }
  ~Unechoed() {
    if (changed_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  Unechoed(const Unechoed&) = delete;
  Unechoed& operator=(const Unechoed&) = delete;

 private:
  termios before_ = {};
  bool changed_ = false;
};

Result<std::string> read_line() {
  std::string line;
  char c = 0;
  while (line.size() < kMaxSecret) {
    const ssize_t count = ::read(STDIN_FILENO, &c, 1);
    if (count < 0) return Error::from_errno("read standard input", errno);
    if (count == 0 || c == '\n') break;
    line += c;
  }
  return line;
}

void prompt(const std::string& text) {
  static_cast<void>(write_all(STDOUT_FILENO, text));
}

Result<std::string> ask_password() {
  prompt("Password: ");
  const Unechoed silence;
  auto password = read_line();
  prompt("\n");
  return password;
}

// The rest of standard input without the line end that echo(1) put behind it.
Result<std::string> password_from_stdin() {
  std::string text = TRY(read_fd(STDIN_FILENO, kMaxSecret));
  while (text.ends_with('\n') || text.ends_with('\r'))
    text.pop_back();
  return text;
}

Result<image::registry::Credentials> read_credentials(const Invocation& call) {
  image::registry::Credentials result;
  result.user = call.options.string("username");
  result.password = call.options.string("password");
  const bool from_stdin = call.options.flag("password-stdin");
  if (call.options.given("password")) {
    if (from_stdin) return invalid("--password and --password-stdin are mutually exclusive");
    complain("WARNING! Using --password via the CLI is insecure. Use --password-stdin.");
  }
  if (from_stdin) {
    if (result.user.empty()) return invalid("Must provide --username with --password-stdin");
    result.password = TRY(password_from_stdin());
  }
  const bool must_ask = result.user.empty() || (result.password.empty() && !from_stdin);
  if (must_ask && ::isatty(STDIN_FILENO) != 1)
    return invalid("Cannot perform an interactive login from a non TTY device");
  if (result.user.empty()) {
    prompt("Username: ");
    result.user = TRY(read_line());
    if (result.user.empty()) return invalid("username is required");
  }
  if (result.password.empty() && !from_stdin) result.password = TRY(ask_password());
  if (result.password.empty()) return invalid("password is required");
  return result;
}

}  // namespace

Result<int> login(const Invocation& call) {
  const auto& arguments = call.arguments();
  const std::string domain = TRY(image::registry::login_domain(arguments.empty() ? "" : arguments.front()));
  const auto settings = TRY(image::registry::read_settings());
  const auto credentials = TRY(read_credentials(call));
  TRY_IN("login to " + domain, image::registry::check_login(domain, credentials, settings));
  auto file = TRY(image::registry::CredentialFile::open());
  const bool in_the_clear = TRY(file.store(domain, credentials));
  if (in_the_clear) {
    complain("\nWARNING! Your credentials are stored unencrypted in '" + printable(file.path()) +
             "'.\nConfigure a credential helper to remove this warning. See\n"
             "https://docs.docker.com/go/credential-store/\n");
  }
  print_line("Login Succeeded");
  return 0;
}

Result<int> logout(const Invocation& call) {
  const auto& arguments = call.arguments();
  const std::string domain = TRY(image::registry::login_domain(arguments.empty() ? "" : arguments.front()));
  auto file = TRY(image::registry::CredentialFile::open());
  const bool was_there = TRY(file.erase(domain));
  const std::string key = image::registry::credentials_key(domain);
  print_line(was_there ? "Removing login credentials for " + key : "Not logged in to " + key);
  return 0;
}

}  // namespace cli
