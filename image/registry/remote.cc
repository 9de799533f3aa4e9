#include "image/registry/remote.h"

#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/strings.h"
#include "base/units.h"
#include "image/registry/documents.h"
#include "image/registry/http_status.h"

namespace image::registry {

namespace {

constexpr const char* kClientId = "vial";

// A 401 or 403 of the token server.
Error refused_token(const Url& url, const Answer& answer) {
  const ServerError said = parse_server_error(answer.body);
  const std::string reason = said.message.empty() ? "incorrect username or password" : said.message;
  return invalid("unauthorized: " + reason + " (" + url.authority() + ", status " +
                 std::to_string(answer.head.status) + ")");
}

}  // namespace

Error transfer_error(const Url& url, const TransferEnd& end) {
  std::string text = "registry " + url.authority() + ": " + end.text;
  if (end.fault == TransferFault::kNoSuchHost) {
    text = "registry " + url.authority() +
           ": no such host\n"
           "check the name, and that this machine has a network and a name server (or HTTPS_PROXY)";
  }
  if (end.fault == TransferFault::kCertificate) {
    text += "\nif its certificate is signed by an authority of your own, put that into /etc/vial/certs.d/" +
            url.authority() + "/ca.crt";
  }
  if (end.fault == TransferFault::kClientCertificate) {
    text += "\nit asks for a certificate of yours: put one that it takes into /etc/vial/certs.d/" +
            url.authority() + "/client.cert, its key into client.key";
  }
  if (end.fault == TransferFault::kNotTls && url.scheme == "https") {
    text += "\nif it speaks plain http only, name it in \"insecure\" in " + std::string(kSettingsPath);
  }
  return Error(ErrorKind::kSystem, std::move(text));
}

Result<Answer> exchange(HttpClient& client, const HttpRequest& request, size_t limit) {
  const Transfer transfer = TRY(client.send(request));
  Answer answer{{}, {}, request.url};
  std::array<char, kReadBytes> buffer = {};
  bool body_ended = false;
  for (;;) {
    std::vector<int> readers = {client.fd()};
    if (!body_ended) readers.push_back(transfer.body.get());
    TRY(wait_for_any(readers, {}, INT64_MAX / 2));
    TRY(client.receive());
    while (!body_ended) {
      const ssize_t count = ::read(transfer.body.get(), buffer.data(), buffer.size());
      if (count < 0 && (errno == EAGAIN || errno == EINTR)) break;
      if (count < 0) return Error::from_errno("read", errno);
      body_ended = count == 0;
      answer.body.append(buffer.data(), static_cast<size_t>(count));
      if (answer.body.size() > limit) {
        client.forget(transfer.id);
        return invalid("registry " + request.url.authority() + ": its answer is larger than " +
                       std::to_string(limit) + " bytes");
      }
    }
    const TransferEnd* end = client.end(transfer.id);
    if (end == nullptr || !body_ended) continue;
    const AnswerHead* head = client.head(transfer.id);
    const bool failed = end->fault != TransferFault::kNone || head == nullptr;
    Error failure = transfer_error(request.url, *end);
    if (!failed) answer.head = *head;
    client.forget(transfer.id);
    if (failed) return failure;
    return answer;
  }
}

Result<Remote> Remote::make(HttpClient& client, const Settings& settings, const std::string& host,
                            std::optional<Credentials> credentials) {
  const size_t scheme = host.find("://");
  const bool fixed = scheme != std::string::npos;
  std::string bare = fixed ? host.substr(scheme + 3) : host;
  while (bare.ends_with('/'))
    bare.pop_back();
  Remote remote(client, settings, bare, std::move(credentials));
  remote.base_ = TRY(api_base(fixed ? host.substr(0, scheme) : "https", bare));
  remote.scheme_certain_ = fixed;
  return remote;
}

Url Remote::url(const std::string& path) const {
  Url result = base_;
  result.target += path;
  return result;
}

bool Remote::fall_back_to_http() {
  const bool allowed = settings_->is_insecure(host_) || is_loopback(host_);
  if (scheme_certain_ || !allowed || is_plain()) return false;
  auto plain = api_base("http", host_);
  if (!plain) return false;
  base_ = std::move(*plain);
  return true;
}

std::string Remote::authorization(const Url& url, const std::string& scope) const {
  if (!is_same_origin(url, base_)) return "";
  if (use_basic_) return basic_authorization(credentials_->user, credentials_->password);
  const auto token = tokens_.find(scope);
  if (token == tokens_.end() || token->second.expires_ns < monotonic_ns()) return "";
  return "Bearer " + token->second.text;
}

Result<void> Remote::authorize(const AnswerHead& refusal, const std::string& scope) {
  const auto challenge = choose_challenge(refusal.all("www-authenticate"));
  if (!challenge)
    return invalid("unauthorized: registry " + host_ + " refuses and does not say what it wants");
  if (challenge->scheme == "bearer") return fetch_token(*challenge, scope);
  if (!credentials_ || credentials_->user.empty())
    return invalid("no basic auth credentials: log in with \"vial login " + host_ + "\"");
  if (use_basic_) return invalid("unauthorized: incorrect username or password");
  use_basic_ = true;
  used_credentials_ = true;
  return ok();
}

Result<HttpRequest> Remote::token_request(const Challenge& challenge, const std::string& scope) const {
  HttpRequest request;
  request.url = TRY_IN("token server of " + host_, parse_url(challenge.parameter("realm")));
  if (request.url.scheme != "https" && !is_plain()) {
    return invalid("registry " + host_ + " wants the credentials sent to " + request.url.authority() +
                   " in plain text: refused");
  }
  // The registry's own word on what is needed, and ours when it says nothing.
  const std::string asked = challenge.parameter("scope");
  std::vector<std::string> scopes = split(asked.empty() ? scope : asked, ' ');
  if (!asked.empty() && asked != scope) {
    for (const auto& more : split(scope, ' '))
      scopes.push_back(more);
  }
  if (credentials_ && !credentials_->identity_token.empty()) {
    request.method = "POST";
    return request;
  }
  const std::string service = challenge.parameter("service");
  if (!service.empty()) add_query(request.url, "service", service);
  for (size_t i = 0; i < scopes.size(); ++i) {
    if (!scopes[i].empty() && std::find(scopes.begin(), scopes.begin() + static_cast<long>(i), scopes[i]) ==
                                  scopes.begin() + static_cast<long>(i))
      add_query(request.url, "scope", scopes[i]);
  }
  if (credentials_ && !credentials_->user.empty()) {
    add_query(request.url, "account", credentials_->user);
    request.headers.push_back(
        {"Authorization", basic_authorization(credentials_->user, credentials_->password)});
  }
  return request;
}

Result<void> Remote::fetch_token(const Challenge& challenge, const std::string& scope) {
  HttpRequest request = TRY(token_request(challenge, scope));
  Fd form;
  if (request.method == "POST") {  // OAuth2, distribution's spec/auth/oauth
    const std::string text = "grant_type=refresh_token&client_id=" + std::string(kClientId) +
                             "&service=" + escape_query(challenge.parameter("service")) +
                             "&scope=" + escape_query(scope) +
                             "&refresh_token=" + escape_query(credentials_->identity_token);
    form = TRY(memory_file(text));
    request.body = RequestBody{form.get(), 0, text.size()};
    request.headers.push_back({"Content-Type", "application/x-www-form-urlencoded"});
  }
  const Answer answer = TRY(exchange(*client_, request, 1U << 20U));
  if (answer.head.status != http::kOk) return refused_token(request.url, answer);
  const Token token = TRY_IN("token server " + request.url.authority(), parse_token(answer.body));
  // A little earlier than the server says, for the way there.
  constexpr int64_t kMargin = 5;
  tokens_[scope] = {token.text, monotonic_ns() + (token.expires_in_s - kMargin) * kSecondNs};
  used_credentials_ = credentials_.has_value();
  return ok();
}

}  // namespace image::registry
