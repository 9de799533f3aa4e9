#include "image/registry/documents.h"

#include <catch2/catch.hpp>

using namespace image;
using namespace image::registry;

namespace {

constexpr const char* kManifest = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kIndex = "application/vnd.oci.image.index.v1+json";
const std::string kDigest = "sha256:" + std::string(64, 'a');

std::string manifest(const std::string& more = "") {
  return R"({"schemaVersion":2,)" + more +
         R"("config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":")" + kDigest +
         R"(","size":2},"layers":[]})";
}

std::string failure(std::string bytes, std::string_view type,
                    const std::optional<Descriptor>& described = {}) {
  const auto document = read_document(std::move(bytes), type, described);
  return document ? "" : document.error().text();
}

}  // namespace

TEST_CASE("errors of a registry") {
  const auto known = parse_server_error(
      R"({"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"x"}},{"code":"B"}]})");
  CHECK(known.code == "MANIFEST_UNKNOWN");
  CHECK(known.message == "manifest unknown");
  CHECK(parse_server_error("{\"errors\":[{\"code\":1,\"message\":\"a\\u001b[31m\"}]}").message.find('\x1b') ==
        std::string::npos);
  for (const char* other :
       {"", "<html>", "{}", R"({"errors":{}})", R"({"errors":[]})", R"({"errors":["x"]})"})
    CHECK(parse_server_error(other).code.empty());
}

TEST_CASE("tags, catalog and search results") {
  CHECK(parse_tags(R"({"name":"x","tags":["a","b"]})").value() == std::vector<std::string>{"a", "b"});
  CHECK(parse_tags(R"({"name":"x","tags":null})")->empty());
  CHECK_FALSE(parse_tags(R"({"tags":[1]})"));
  CHECK_FALSE(parse_tags("[]"));
  CHECK(parse_catalog(R"({"repositories":["a/b"]})").value() == std::vector<std::string>{"a/b"});
  const auto found = parse_search(
      R"({"num_results":1,"results":[{"name":"nginx","description":null,"star_count":7,"is_official":true}]})");
  REQUIRE(found);
  CHECK(found->front().name == "nginx");
  CHECK(found->front().stars == 7);
  CHECK(found->front().is_official);
  CHECK_FALSE(parse_search(R"({"results":{}})"));
  CHECK_FALSE(parse_search(R"({"results":[{"star_count":"many"}]})"));
}

TEST_CASE("the next page") {
  CHECK(next_page(R"(</v2/_catalog?last=b&n=100>; rel="next")") == "/v2/_catalog?last=b&n=100");
  CHECK(next_page(R"(</a>; rel="prev", </b>; rel=next)") == "/b");
  CHECK_FALSE(next_page(R"(</a>; rel="prev")"));
  CHECK_FALSE(next_page(""));
  CHECK_FALSE(next_page("</a"));
}

TEST_CASE("a manifest says one thing: header, document and descriptor agree") {
  CHECK(read_document(manifest(), kManifest, {})->manifest);
  CHECK(read_document(manifest(), std::string(kManifest) + "; charset=utf-8", {})->manifest);
  CHECK(read_document(R"({"schemaVersion":2,"manifests":[]})", kIndex, {})->index);
  CHECK_FALSE(failure(manifest(), kIndex).empty());
  CHECK_FALSE(failure(manifest(R"("manifests":[],)"), kManifest).empty());
  CHECK_FALSE(failure(manifest(R"("manifests":[],)"), kIndex).empty());
  CHECK_FALSE(failure(manifest(R"("mediaType":")" + std::string(kIndex) + "\","), kManifest).empty());
  CHECK_FALSE(
      failure(manifest(R"("mediaType":"application/vnd.docker.distribution.manifest.v2+json",)"), kManifest)
          .empty());
  CHECK_FALSE(failure(manifest(), "text/html").empty());
  CHECK_FALSE(failure(manifest(), "").empty());
  CHECK(failure("{}", "application/vnd.docker.distribution.manifest.v1+prettyjws").find("schema 1") == 0);
  const Descriptor described{kIndex, Digest::parse(kDigest).value(), 0, {}, {}};
  CHECK_FALSE(failure(manifest(), kManifest, described).empty());
}
