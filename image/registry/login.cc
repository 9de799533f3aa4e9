#include "image/registry/login.h"

#include "base/strings.h"
#include "image/registry/fetch.h"
#include "image/registry/http_status.h"
#include "image/registry/remote.h"

namespace image::registry {

Result<std::string> login_domain(const std::string& server) {
  std::string_view domain = server;
  const size_t scheme = domain.find("://");
  if (scheme != std::string_view::npos) domain.remove_prefix(scheme + 3);
  domain = domain.substr(0, domain.find('/'));
  if (domain.empty() || domain == "docker.io" || domain == "index.docker.io" ||
      domain == "registry-1.docker.io")
    return std::string("docker.io");
  TRY_IN("server '" + printable(server) + "'", api_base("https", domain));
  return std::string(domain);
}

Result<void> check_login(const std::string& domain, const Credentials& credentials,
                         const Settings& settings) {
  HttpClient client = TRY(HttpClient::start(settings));
  Remote remote = TRY(Remote::make(client, settings, api_host(domain), credentials));
  FetchRequest request;
  const Answer answer = TRY(fetch(remote, request));
  if (answer.head.status == http::kUnauthorized) {
    return invalid("unauthorized: incorrect username or password");
  }
  if (answer.head.status != http::kOk) return status_error(answer.url, answer.head.status, answer.body);
  return ok();
}

}  // namespace image::registry
