#include "image/reference.h"

#include <catch2/catch.hpp>

using image::Reference;

namespace {

std::string text_of(std::string_view name) {
  const auto reference = Reference::parse_with_default_tag(name);
  return reference ? reference->text() : "error: " + reference.error().text();
}

std::string familiar_of(std::string_view name) {
  const auto reference = Reference::parse(name);
  return reference ? reference->familiar() : "error: " + reference.error().text();
}

const std::string kPinned = "sha256:" + std::string(64, 'b');

}  // namespace

TEST_CASE("names get Docker's defaults") {
  CHECK(text_of("busybox") == "docker.io/library/busybox:latest");
  CHECK(text_of("busybox:1.36") == "docker.io/library/busybox:1.36");
  CHECK(text_of("docker.io/busybox") == "docker.io/library/busybox:latest");
  CHECK(text_of("index.docker.io/busybox") == "docker.io/library/busybox:latest");
  CHECK(text_of("user/tool") == "docker.io/user/tool:latest");
  CHECK(text_of("localhost/tool") == "localhost/tool:latest");
  CHECK(text_of("localhost:5000/a/b:v1") == "localhost:5000/a/b:v1");
  CHECK(text_of("quay.io/a/b") == "quay.io/a/b:latest");
  CHECK(text_of("Host/tool") == "Host/tool:latest");
  CHECK(text_of("[::1]:5000/tool") == "[::1]:5000/tool:latest");
  CHECK(text_of("busybox@" + kPinned) == "docker.io/library/busybox@" + kPinned);
  CHECK(text_of("a/b:t@" + kPinned) == "docker.io/a/b:t@" + kPinned);
  CHECK(text_of("a__b-c---d.e_f") == "docker.io/library/a__b-c---d.e_f:latest");
}

TEST_CASE("names are shown as people type them") {
  CHECK(familiar_of("docker.io/library/busybox:latest") == "busybox:latest");
  CHECK(familiar_of("docker.io/user/tool") == "user/tool");
  CHECK(familiar_of("docker.io/library/a/b") == "library/a/b");
  // Without the domain these would be read as another registry's, or as an id.
  CHECK(familiar_of("docker.io/evil.example/tool") == "docker.io/evil.example/tool");
  CHECK(familiar_of("docker.io/localhost/tool:1") == "docker.io/localhost/tool:1");
  const std::string hex(64, 'a');
  CHECK(familiar_of("docker.io/library/" + hex) == "docker.io/library/" + hex);
  CHECK(familiar_of("quay.io/library/busybox") == "quay.io/library/busybox");
}

TEST_CASE("errors have Docker's words") {
  CHECK(text_of("BB") == "error: invalid reference format: repository name (library/BB) must be lowercase");
  CHECK(text_of("a/BB:t") == "error: invalid reference format: repository name (a/BB) must be lowercase");
  CHECK(text_of(std::string(64, 'a')).ends_with("cannot specify 64-byte hexadecimal strings"));
  CHECK(text_of("a/" + std::string(300, 'b')) ==
        "error: repository name must not be more than 255 characters");
}

TEST_CASE("what is no reference") {
  for (const auto& name : {std::string(),
                           std::string(":"),
                           std::string("a:"),
                           std::string("a:b:c"),
                           std::string("/a"),
                           std::string("a//b"),
                           std::string("a/"),
                           std::string("-a"),
                           std::string("a-"),
                           std::string("a..b"),
                           std::string("a___b"),
                           std::string("a b"),
                           std::string("../../etc"),
                           std::string("a/../b"),
                           std::string("a@sha256:12"),
                           std::string("a@md5:") + std::string(32, 'a'),
                           std::string("a:-x"),
                           std::string("a:") + std::string(129, 't'),
                           std::string("a\n"),
                           std::string("a\0b", 3),
                           std::string("localhost:x/a"),
                           std::string("[::1/a"),
                           std::string("[]:1/a"),
                           std::string("!a"),
                           std::string("a:t@"),
                           std::string("é")}) {
    INFO(name);
    CHECK(text_of(name) == "error: invalid reference format");
  }
}
