#include "image/registry/url.h"

#include <catch2/catch.hpp>

using namespace image::registry;

namespace {

std::string parsed(std::string_view text) {
  const auto url = parse_url(text);
  return url ? url->text() : "refused";
}

std::string resolved(std::string_view location) {
  const auto base = parse_url("https://host:5000/v2/a/blobs/uploads/x?state=1");
  const auto url = resolve_url(*base, location);
  return url ? url->text() : "refused";
}

}  // namespace

TEST_CASE("addresses are http or https, with a host and nothing that could mislead") {
  CHECK(parsed("https://Registry-1.docker.io/v2/") == "https://registry-1.docker.io/v2/");
  CHECK(parsed("http://localhost:5000") == "http://localhost:5000/");
  CHECK(parsed("https://host:443/a?b=c#d") == "https://host/a?b=c");
  CHECK(parsed("http://[::1]:80/") == "http://[::1]/");
  CHECK(parsed("http://[::1]:5000/x") == "http://[::1]:5000/x");
  for (const char* bad : {"file:///etc/passwd", "ftp://host/", "host/path", "https://", "https:///x",
                          "https://u:p@host/", "https://host:0/", "https://host:65536/", "https://host:1x/",
                          "https://a b/", "https://host/a b", "https://host/\r\nX: y", "https://ho\x80st/",
                          "https://[::1/", "https://[x]/", "javascript:alert(1)"}) {
    INFO(bad);
    CHECK(parsed(bad) == "refused");
  }
  CHECK(parsed("https://host/" + std::string(20'000, 'x')) == "refused");
}

TEST_CASE("a Location is resolved against the address that answered") {
  CHECK(resolved("/v2/b?_state=abc") == "https://host:5000/v2/b?_state=abc");
  CHECK(resolved("y") == "https://host:5000/v2/a/blobs/uploads/y");
  CHECK(resolved("?digest=1") == "https://host:5000/v2/a/blobs/uploads/x?digest=1");
  CHECK(resolved("//cdn.test/blob") == "https://cdn.test/blob");
  CHECK(resolved("http://cdn.test:81/blob") == "http://cdn.test:81/blob");
  CHECK(resolved("file:///etc/passwd") == "refused");
  CHECK(resolved("") == "refused");
}

TEST_CASE("the origin is scheme, host and port") {
  const auto same = [](const char* a, const char* b) { return is_same_origin(*parse_url(a), *parse_url(b)); };
  CHECK(same("https://host/a", "https://HOST:443/b?c"));
  CHECK_FALSE(same("https://host/", "http://host/"));
  CHECK_FALSE(same("https://host/", "https://host:444/"));
  CHECK_FALSE(same("https://host/", "https://host.evil/"));
}

TEST_CASE("queries are escaped") {
  auto url = *parse_url("https://host/token");
  add_query(url, "service", "a b&c");
  add_query(url, "scope", "repository:x/y:pull,push");
  CHECK(url.target == "/token?service=a%20b%26c&scope=repository:x/y:pull%2Cpush");
}

TEST_CASE("Docker Hub is served by another host; loopback is known") {
  CHECK(api_host("docker.io") == "registry-1.docker.io");
  CHECK(api_host("quay.io") == "quay.io");
  for (const char* host : {"localhost", "localhost:5000", "127.0.0.1", "127.9.9.9:80", "[::1]:5000"})
    CHECK(is_loopback(host));
  for (const char* host : {"localhost.evil.test", "127.0.0.1.evil.test", "128.0.0.1", "127.0.0.256", "[::2]"})
    CHECK_FALSE(is_loopback(host));
}
