#include "image/registry/credentials.h"

#include <cerrno>

#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"
#include "image/registry/challenge.h"
#include "image/registry/settings.h"

namespace image::registry {

namespace {

constexpr const char* kTokenUser = "<token>";  // with which helpers mark an identity token
constexpr const char* kNotThere = "credentials not found";

std::string home_file() {
  if (const auto directory = process_environment("DOCKER_CONFIG")) return *directory + "/config.json";
  return process_environment("HOME").value_or("/root") + "/.docker/config.json";
}

// "https://host/v1/" -> "host", "host/path" stays.
std::string normal_key(std::string_view key) {
  const size_t scheme = key.find("://");
  const bool is_address = scheme != std::string_view::npos;
  if (is_address) key.remove_prefix(scheme + 3);
  while (key.ends_with('/'))
    key.remove_suffix(1);
  for (const std::string_view api : {"/v1", "/v2"}) {
    if (key.ends_with(api)) key.remove_suffix(api.size());
  }
  return std::string(key);
}

bool is_helper_name(std::string_view name) {
  return !name.empty() && name.find_first_not_of(
                              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                              "-_.") == std::string_view::npos;
}

struct HelperAnswer {
  bool found = true;
  std::string out;
};

// "docker-credential-X VERB" with `input`; found is false when it says that it has no such credentials.
Result<HelperAnswer> ask_helper(const std::string& helper, const char* verb, const std::string& input) {
  const CommandOutput output = TRY(run_command({helper, verb}, input));
  const int code = output.status.shell_code();
  if (code == 0) return HelperAnswer{true, output.out};
  if (contains(output.out, kNotThere)) return HelperAnswer{false, ""};
  constexpr int kNoProgram = 127;
  if (code == kNoProgram)
    return not_found("credential helper " + helper + " is not installed; config.json names it");
  const std::string said(trim(output.out.empty() ? output.err : output.out));
  return invalid("credential helper " + helper + " " + verb + ": " + printable(said));
}

Result<std::optional<Credentials>> ask_helper_for(const std::string& helper, const std::string& key) {
  const HelperAnswer answer = TRY(ask_helper(helper, "get", key));
  if (!answer.found) return std::optional<Credentials>();
  // The text of a parse error could quote the secret.
  const auto document = parse_json(answer.out);
  if (!document || !document->is_object()) return invalid("credential helper " + helper + ": no JSON object");
  const JsonView view(*document);
  Credentials result;
  result.user = TRY(view.string_or("Username", ""));
  const std::string secret = TRY(view.string_or("Secret", ""));
  (result.user == kTokenUser ? result.identity_token : result.password) = secret;
  if (result.user == kTokenUser) result.user.clear();
  return std::optional(result);
}

Result<std::optional<Credentials>> find_in_auths(const Json& document, std::string_view domain,
                                                 std::string_view path) {
  const auto auths = JsonView(document).find("auths");
  if (!auths) return std::optional<Credentials>();
  const auto members = TRY(auths->members());
  std::vector<std::string> keys;
  for (const auto& [key, value] : members)
    keys.push_back(key);
  const auto key = find_auth_key(keys, domain, path);
  if (!key) return std::optional<Credentials>();
  for (const auto& [name, value] : members) {
    if (name == *key) return read_auth(value);
  }
  return std::optional<Credentials>();
}

Result<std::optional<Credentials>> find_in_podman_file(std::string_view domain, std::string_view path) {
  const auto directory = process_environment("XDG_RUNTIME_DIR");
  if (!directory) return std::optional<Credentials>();
  const std::string file = *directory + "/containers/auth.json";
  const auto text = read_file(file);
  if (!text) return std::optional<Credentials>();
  const Json document = TRY_IN(file, parse_json(*text));
  return TRY_IN(file, find_in_auths(document, domain, path));
}

}  // namespace

std::string credentials_key(std::string_view domain) {
  return domain == "docker.io" ? "https://index.docker.io/v1/" : std::string(domain);
}

Result<std::optional<Credentials>> read_auth(const JsonView& entry) {
  Credentials result;
  result.user = TRY(entry.string_or("username", ""));
  result.password = TRY(entry.string_or("password", ""));
  result.identity_token = TRY(entry.string_or("identitytoken", ""));
  const std::string encoded = TRY(entry.string_or("auth", ""));
  if (!encoded.empty()) {
    const auto text = from_base64(encoded);
    const size_t colon = text ? text->find(':') : std::string::npos;
    if (colon == std::string::npos) return entry.wrong("auth is not the base64 of user:password");
    result.user = text->substr(0, colon);
    result.password = text->substr(colon + 1);
    // Docker's old files are padded with NULs.
    while (result.password.ends_with('\0'))
      result.password.pop_back();
  }
  if (result.user.empty() && result.identity_token.empty()) return std::optional<Credentials>();
  return std::optional(result);
}

std::optional<std::string> find_auth_key(const std::vector<std::string>& keys, std::string_view domain,
                                         std::string_view path) {
  std::vector<std::string> wanted;
  std::string name = std::string(domain) + "/" + std::string(path);
  for (size_t slash = name.size(); slash != std::string::npos; slash = name.rfind('/')) {
    name.resize(slash);
    wanted.push_back(name);
  }
  if (domain == "docker.io") wanted.insert(wanted.end(), {"index.docker.io", "registry-1.docker.io"});
  for (const auto& candidate : wanted) {
    for (const auto& key : keys) {
      if (key == candidate || normal_key(key) == candidate) return key;
    }
  }
  return std::nullopt;
}

Result<CredentialFile> CredentialFile::parse(std::string path, std::string_view text) {
  Json document = text.empty() ? Json::object() : TRY_IN(path, parse_json(text));
  if (!document.is_object()) return corrupt(path + ": not an object");
  return CredentialFile(std::move(path), std::move(document));
}

Result<CredentialFile> CredentialFile::open() {
  std::string path = home_file();
  const auto text = read_file(path);
  if (!text && text.error().error_number() == ENOENT) return parse(std::move(path), "");
  if (!text) return text.error();
  return parse(std::move(path), *text);
}

Result<std::string> CredentialFile::helper_for(const std::string& key) const {
  const JsonView view(document_);
  std::string name = TRY(view.string_or("credsStore", ""));
  if (const auto helpers = view.find("credHelpers")) {
    const std::string own = TRY(helpers->string_or(key.c_str(), ""));
    if (!own.empty()) name = own;
  }
  if (name.empty()) return name;
  if (!is_helper_name(name)) return invalid(path_ + ": no name of a credential helper: " + printable(name));
  return "docker-credential-" + name;
}

Result<std::optional<Credentials>> CredentialFile::find(std::string_view domain,
                                                        std::string_view path) const {
  const std::string key = credentials_key(domain);
  const std::string helper = TRY(helper_for(key));
  if (!helper.empty()) {
    auto found = TRY(ask_helper_for(helper, key));
    if (found) return found;
  }
  auto found = TRY_IN(path_, find_in_auths(document_, domain, path));
  if (found) return found;
  return find_in_podman_file(domain, path);
}

Result<void> CredentialFile::save() const {
  TRY(make_directories(path_.substr(0, path_.rfind('/'))));
  return replace_file(path_, dump_json(document_, 1) + "\n", 0600, Durable::kYes);
}

Result<bool> CredentialFile::store(std::string_view domain, const Credentials& credentials) {
  const std::string key = credentials_key(domain);
  const std::string helper = TRY(helper_for(key));
  Json& auths = document_["auths"];
  if (!auths.is_object()) auths = Json::object();
  if (!helper.empty()) {
    const bool is_token = !credentials.identity_token.empty();
    const Json input = {{"ServerURL", key},
                        {"Username", is_token ? kTokenUser : credentials.user},
                        {"Secret", is_token ? credentials.identity_token : credentials.password}};
    TRY(ask_helper(helper, "store", dump_json(input)));
    auths[key] = Json::object();
    TRY(save());
    return false;
  }
  Json entry = {{"auth", base64(credentials.user + ":" + credentials.password)}};
  if (!credentials.identity_token.empty()) {
    entry = {{"auth", base64(credentials.user + ":")}, {"identitytoken", credentials.identity_token}};
  }
  auths[key] = std::move(entry);
  TRY(save());
  return true;
}

Result<bool> CredentialFile::erase(std::string_view domain) {
  const std::string key = credentials_key(domain);
  const std::string helper = TRY(helper_for(key));
  bool found = false;
  if (!helper.empty()) {
    const HelperAnswer answer = TRY(ask_helper(helper, "erase", key));
    found = answer.found;
  }
  const auto auths = document_.find("auths");
  if (auths == document_.end() || !auths->is_object()) return found;
  std::vector<std::string> keys;
  for (const auto& [name, value] : auths->items())
    keys.push_back(name);
  if (const auto own = find_auth_key(keys, domain, "")) {
    auths->erase(*own);
    TRY(save());
    found = true;
  }
  return found;
}

}  // namespace image::registry
