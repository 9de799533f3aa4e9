#include "image/registry/settings.h"
#include "base/units.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <map>

#include "base/file.h"

using namespace image::registry;

namespace {

std::map<std::string, std::string> variables;  // NOLINT: what `environment` answers

std::optional<std::string> environment(const char* name) {
  const auto found = variables.find(name);
  if (found == variables.end()) return std::nullopt;
  return found->second;
}

std::string proxy_for(const char* url) {
  return choose_proxy(*parse_url(url), environment);
}

}  // namespace

TEST_CASE("settings: what is said counts, the rest is the default") {
  const auto empty = parse_settings("{}");
  REQUIRE(empty);
  CHECK(empty->downloads == 3);
  CHECK(empty->search == "https://index.docker.io");
  const auto all =
      parse_settings(R"({"insecure":["lan:5000"],"mirrors":{"docker.io":["m.lan","http://n.lan"]},
    "search":"http://s.lan","downloads":5,"timeouts":{"connect":"2s","stall":"1m","retry":"10ms"},
    "certificates":["/c"]})");
  REQUIRE(all);
  CHECK(all->is_insecure("lan:5000"));
  CHECK_FALSE(all->is_insecure("lan"));
  CHECK(all->mirrors.at("docker.io").size() == 2);
  CHECK(all->downloads == 5);
  CHECK(all->stall_timeout_ns == 60 * kSecondNs);
  CHECK(all->certificate_directories == std::vector<std::string>{"/c"});
}

TEST_CASE("settings: what is wrong is said, with its place") {
  const auto failure = [](const char* text) {
    const auto settings = parse_settings(text);
    return settings ? "" : settings.error().text();
  };
  CHECK(failure("{").find("JSON") != std::string::npos);
  CHECK(failure("[]").find("not an object") != std::string::npos);
  CHECK(failure(R"({"insecur":[]})").find("/insecur: unknown") == 0);
  CHECK(failure(R"({"insecure":"x"})").find("/insecure") == 0);
  CHECK(failure(R"({"downloads":0})").find("/downloads") == 0);
  CHECK(failure(R"({"downloads":99})").find("/downloads") == 0);
  CHECK(failure(R"({"timeouts":{"connect":"0s"}})").find("/timeouts/connect") == 0);
  CHECK(failure(R"({"timeouts":{"connect":"soon"}})").find("/timeouts/connect") == 0);
  CHECK(failure(R"({"mirrors":{"docker.io":["file:///x"]}})").find("/mirrors/docker.io") == 0);
  CHECK(failure(R"({"search":"index.docker.io"})").find("/search") == 0);
}

TEST_CASE("certificates of a host: authorities, and a client's pair") {
  std::string directory = "/tmp/vial-certs-XXXXXX";
  REQUIRE(::mkdtemp(directory.data()) != nullptr);
  const std::string host = directory + "/h:5000";
  REQUIRE(make_directories(host));
  REQUIRE(create_file(host + "/ca.crt", "AUTHORITY"));
  REQUIRE(create_file(host + "/client.cert", "CERTIFICATE"));
  Settings settings;
  settings.certificate_directories = {directory};
  CHECK_FALSE(read_certificates(settings, "h:5000"));  // the key is missing
  REQUIRE(create_file(host + "/client.key", "KEY"));
  const auto found = read_certificates(settings, "h:5000");
  REQUIRE(found);
  CHECK(found->authorities.ends_with("AUTHORITY"));
  CHECK(found->client_certificate == "CERTIFICATE");
  CHECK(found->client_key == "KEY");
  CHECK(read_certificates(settings, "h:5001")->client_key.empty());
  CHECK_FALSE(read_certificates(settings, "../etc"));
  CHECK(remove_tree(directory));
}

TEST_CASE("proxies are the environment's, but never for the loopback device") {
  variables = {{"https_proxy", "http://p:3128"},
               {"http_proxy", "http://q:3128"},
               {"NO_PROXY", "lan,.corp, host:5000"}};
  CHECK(proxy_for("https://registry.test/") == "http://p:3128");
  CHECK(proxy_for("http://registry.test/") == "http://q:3128");
  CHECK(proxy_for("https://lan/").empty());
  CHECK(proxy_for("https://a.lan/").empty());
  CHECK(proxy_for("https://plan/") == "http://p:3128");
  CHECK(proxy_for("https://x.corp/").empty());
  CHECK(proxy_for("https://host:5000/").empty());
  CHECK(proxy_for("https://host:5001/") == "http://p:3128");
  CHECK(proxy_for("https://localhost:5000/").empty());
  CHECK(proxy_for("http://127.0.0.1:5000/").empty());
  variables = {{"HTTPS_PROXY", "http://big:1"}, {"HTTP_PROXY", "http://cgi:1"}};
  CHECK(proxy_for("https://registry.test/") == "http://big:1");
  CHECK(proxy_for("http://registry.test/").empty());
  variables = {{"https_proxy", "http://p:1"}, {"no_proxy", "*"}};
  CHECK(proxy_for("https://registry.test/").empty());
}
