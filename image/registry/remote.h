// One registry host as a pull or push sees it: which scheme it speaks, who we are there, and the tokens it
// gave. Credentials go to this host and to the token server that it names, never anywhere else.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/registry/challenge.h"
#include "image/registry/credentials.h"
#include "image/registry/http_client.h"
#include "image/registry/settings.h"
#include "image/registry/url.h"

namespace image::registry {

inline constexpr size_t kReadBytes = 65536;  // of a body at once

// A small answer, all of it.
struct Answer {
  AnswerHead head;
  std::string body;
  Url url;  // that answered, behind all redirects
};

class Remote {
 public:
  // `host` as references and settings write it; "http://host" or "https://host" fixes the scheme. Errors:
  // kInvalid.
  static Result<Remote> make(HttpClient& client, const Settings& settings, const std::string& host,
                             std::optional<Credentials> credentials);

  HttpClient& client() const { return *client_; }
  const Settings& settings() const { return *settings_; }
  const std::string& host() const { return host_; }
  // The address of an API path: "library/busybox/manifests/latest".
  Url url(const std::string& path) const;

  // True once when plain http is worth a try: the scheme was not certain and the settings (or the loopback
  // device) allow it.
  bool fall_back_to_http();
  // What was said in https was an answer: no falling back any more.
  void scheme_is_certain() { scheme_certain_ = true; }
  bool is_plain() const { return base_.scheme == "http"; }

  // The Authorization header for a request to `url` that needs `scope`; empty: none.
  std::string authorization(const Url& url, const std::string& scope) const;
  // After a 401: asks the token server, or takes user and password. Errors: kInvalid when there is nothing
  // (more) to offer or the token server refuses; those of the request.
  Result<void> authorize(const AnswerHead& refusal, const std::string& scope);

  const std::optional<Credentials>& credentials() const { return credentials_; }
  // The identity token that the token server gave, if any: login keeps it in place of the password.
  bool used_credentials() const { return used_credentials_; }

 private:
  struct KnownToken {
    std::string text;
    int64_t expires_ns = 0;  // monotonic
  };
  Remote(HttpClient& client, const Settings& settings, std::string host,
         std::optional<Credentials> credentials)
      : client_(&client),
        settings_(&settings),
        host_(std::move(host)),
        credentials_(std::move(credentials)) {}
  Result<void> fetch_token(const Challenge& challenge, const std::string& scope);
  Result<HttpRequest> token_request(const Challenge& challenge, const std::string& scope) const;

  HttpClient* client_;
  const Settings* settings_;
  std::string host_;
  Url base_;  // SCHEME://HOST/v2/
  bool scheme_certain_ = false;
  std::optional<Credentials> credentials_;
  bool use_basic_ = false;
  bool used_credentials_ = false;
  std::map<std::string, KnownToken> tokens_;  // by scope
};

inline constexpr size_t kMaxSmallAnswer = 4U << 20U;  // bytes of any answer that is no blob

// Sends one request and takes in the whole answer: no redirects, no retries, no credentials of its own.
// Errors: kSystem (connection; the text says how), kInvalid for a body of more than `limit` bytes.
Result<Answer> exchange(HttpClient& client, const HttpRequest& request, size_t limit = kMaxSmallAnswer);

// "registry HOST: what happened", for a transfer without an answer.
Error transfer_error(const Url& url, const TransferEnd& end);

}  // namespace image::registry
