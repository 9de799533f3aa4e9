#include "image/descriptor.h"

#include <catch2/catch.hpp>

namespace {

const std::string kDigest = "sha256:" + std::string(64, 'c');

std::string descriptor(const std::string& more = "") {
  return R"({"mediaType":"x","digest":")" + kDigest + R"(","size":3)" + more + "}";
}

std::string platform(const char* os, const char* architecture) {
  return std::string(R"(,"platform":{"os":")") + os + R"(","architecture":")" + architecture + "\"}";
}

std::string index_error(const std::string& text) {
  const auto index = image::parse_index(text);
  return index ? "" : index.error().text();
}

std::string manifest_error(const std::string& text) {
  const auto manifest = image::parse_manifest(text);
  return manifest ? "" : manifest.error().text();
}

}  // namespace

TEST_CASE("a manifest is read") {
  const auto manifest = image::parse_manifest(R"({"schemaVersion":2,"config":)" + descriptor() +
                                              R"(,"layers":[)" + descriptor() + "]}");
  REQUIRE(manifest);
  CHECK(manifest->config.digest.text() == kDigest);
  CHECK(manifest->layers.at(0).size == 3);
}

TEST_CASE("hostile manifests are refused") {
  const std::string config = R"("config":)" + descriptor();
  CHECK(manifest_error(R"({"schemaVersion":2,"layers":[]})").find("/config: missing") != std::string::npos);
  CHECK(manifest_error(R"({"schemaVersion":2,)" + config + "}").find("/layers: missing") !=
        std::string::npos);
  CHECK(manifest_error(R"({"schemaVersion":2,)" + config + R"(,"layers":[],"manifests":[]})")
            .find("both a manifest and an index") != std::string::npos);
  CHECK(manifest_error(R"({"schemaVersion":1,"config":1,"layers":[]})").find("schema 1") !=
        std::string::npos);
  CHECK(manifest_error(R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json",)" +
                       config + R"(,"layers":[]})")
            .find("/mediaType") != std::string::npos);
  CHECK(manifest_error(R"({"schemaVersion":2,"config":{"digest":"md5:../../x","size":1},"layers":[]})")
            .find("invalid digest") != std::string::npos);
  CHECK(
      manifest_error(R"({"schemaVersion":2,"config":{"digest":")" + kDigest + R"(","size":-5},"layers":[]})")
          .find("/config/size") != std::string::npos);
  CHECK(index_error(R"({"schemaVersion":2,"manifests":[],"config":{}})").find("both") != std::string::npos);
  CHECK(index_error(R"({"schemaVersion":2,"manifests":{}})").find("not an array") != std::string::npos);
}

TEST_CASE("the platform is chosen, attestations are passed over") {
  const auto index = image::parse_index(
      R"({"schemaVersion":2,"manifests":[)" + descriptor(platform("unknown", "unknown")) + "," +
      descriptor(platform("linux", "arm64")) + "," + descriptor(platform("linux", "amd64")) + "]}");
  REQUIRE(index);
  const auto chosen = image::choose_platform(*index, {"linux", "amd64", ""});
  REQUIRE(chosen);
  CHECK(chosen->platform->architecture == "amd64");
  const auto missing = image::choose_platform(*index, {"linux", "s390x", ""});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().text() == "no image for platform linux/s390x, only for: linux/arm64, linux/amd64");
}
