#include "image/registry/challenge.h"

#include <catch2/catch.hpp>

using namespace image::registry;

TEST_CASE("challenges as registries write them") {
  const auto hub = parse_challenges(
      R"(Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push")");
  REQUIRE(hub);
  REQUIRE(hub->size() == 1);
  CHECK(hub->front().scheme == "bearer");
  CHECK(hub->front().parameter("realm") == "https://auth.docker.io/token");
  CHECK(hub->front().parameter("scope") == "repository:a/b:pull,push");
  CHECK(hub->front().parameter("error").empty());

  const auto two = parse_challenges(R"(Basic realm="a \"b\", c" , Bearer Realm = plain,scope=x)");
  REQUIRE(two);
  REQUIRE(two->size() == 2);
  CHECK((*two)[0].parameter("realm") == "a \"b\", c");
  CHECK((*two)[1].parameter("realm") == "plain");
  CHECK((*two)[1].parameter("scope") == "x");

  const auto negotiate = parse_challenges("Negotiate YWJj/+==, Basic realm=x");
  REQUIRE(negotiate);
  CHECK(negotiate->back().scheme == "basic");
}

TEST_CASE("what is no challenge is refused") {
  for (const char* bad : {R"(Bearer realm="open)", "=x", "\"quoted\"", "Bearer realm=\"a\"; x", "Basic=x"}) {
    INFO(bad);
    CHECK_FALSE(parse_challenges(bad));
  }
  CHECK_FALSE(parse_challenges(std::string(kMaxChallenge + 1, 'a')));
}

TEST_CASE("Bearer is answered before Basic, wherever it stands") {
  CHECK(choose_challenge({"Basic realm=x", R"(Bearer realm="https://t")"})->scheme == "bearer");
  CHECK(choose_challenge({R"(Bearer service=x, Basic realm="y")"})->scheme == "basic");
  CHECK(choose_challenge({"%%%", "Basic realm=x"})->scheme == "basic");
  CHECK_FALSE(choose_challenge({"Negotiate"}));
  CHECK_FALSE(choose_challenge({}));
}

TEST_CASE("tokens") {
  const auto token = parse_token(R"({"token":"abc","expires_in":300,"issued_at":"2026-01-01T00:00:00Z"})");
  REQUIRE(token);
  CHECK(token->text == "abc");
  CHECK(token->expires_in_s == 300);
  CHECK(parse_token(R"({"access_token":"x.y-z"})")->text == "x.y-z");
  CHECK(parse_token(R"({"token":"abc","expires_in":1})")->expires_in_s == 60);
  for (const char* bad : {"", "[]", "{}", R"({"token":""})", R"({"token":7})", R"({"token":"a\r\nHost: x"})",
                          R"({"token":"a b"})", R"({"token":"a","token":"b"})"}) {
    INFO(bad);
    CHECK_FALSE(parse_token(bad));
  }
}

TEST_CASE("base64") {
  CHECK(base64("") == "");
  CHECK(base64("f") == "Zg==");
  CHECK(base64("fo") == "Zm8=");
  CHECK(base64("foo") == "Zm9v");
  CHECK(basic_authorization("Aladdin", "open sesame") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  std::string all;
  for (int i = 0; i < 256; ++i)
    all += static_cast<char>(i);
  for (size_t size = 0; size <= all.size(); ++size)
    CHECK(from_base64(base64(all.substr(0, size))).value() == all.substr(0, size));
  CHECK_FALSE(from_base64("a*b"));
}
