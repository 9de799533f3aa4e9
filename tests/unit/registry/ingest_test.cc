#include "image/registry/ingest.h"

#include <catch2/catch.hpp>

#include "base/file.h"
#include "image/descriptor.h"
#include "image/outgoing.h"

using namespace image;
using namespace image::registry;

TEST_CASE("a partial blob outlives its writer and is one writer's at a time") {
  std::string root = "/tmp/vial-ingest-XXXXXX";
  REQUIRE(::mkdtemp(root.data()) != nullptr);
  REQUIRE(make_directories(root + "/scratch"));
  const auto digest = Digest::parse("sha256:" + std::string(64, 'b')).value();
  {
    auto first = Ingest::open(root, digest, root + "/scratch/own");
    REQUIRE(first);
    REQUIRE(first->append("abc"));
    auto second = Ingest::open(root, digest, root + "/scratch/own");
    REQUIRE(second);
    CHECK(second->path().starts_with(root + "/scratch/own"));
    CHECK(second->size() == 0);
    sweep_ingest(root, -1);  // held: stays
    CHECK(path_exists(first->path()));
  }
  auto again = Ingest::open(root, digest, root + "/scratch/own");
  REQUIRE(again);
  CHECK(again->path() == root + "/ingest/" + std::string(64, 'b') + ".partial");
  CHECK(again->size() == 3);
  REQUIRE(again->clear());
  REQUIRE(again->append("x"));
  CHECK(read_file(again->path()).value() == "x");
  const std::string path = again->path();
  again = Error(ErrorKind::kSystem, "closed");
  sweep_ingest(root, 3'600'000'000'000);
  CHECK(path_exists(path));
  sweep_ingest(root, -1);
  CHECK_FALSE(path_exists(path));
  CHECK(remove_tree(root));
}

TEST_CASE("the manifest of an image that had none") {
  const auto digest = Digest::parse("sha256:" + std::string(64, 'c')).value();
  const std::string text = image::make_manifest_json(
      digest, 10,
      {{digest, 20, "application/vnd.docker.image.rootfs.diff.tar.gzip", {}}, {digest, 30, "x.tar", {}}});
  const auto manifest = parse_manifest(text);
  REQUIRE(manifest);
  CHECK(manifest->media_type == "application/vnd.oci.image.manifest.v1+json");
  CHECK(manifest->config.size == 10);
  CHECK(manifest->layers[0].media_type == "application/vnd.oci.image.layer.v1.tar+gzip");
  CHECK(manifest->layers[1].media_type == "application/vnd.oci.image.layer.v1.tar");
}
