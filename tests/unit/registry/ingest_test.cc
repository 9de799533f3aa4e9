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

TEST_CASE("a borrowed blob is read where it is, and replaced without being touched") {
  std::string root = "/tmp/vial-ingest-XXXXXX";
  REQUIRE(::mkdtemp(root.data()) != nullptr);
  const std::string stored = root + "/blob";
  const std::string own = root + "/own";
  REQUIRE(create_file(stored, "what it holds"));
  CHECK_FALSE(Ingest::borrow(root + "/nowhere", 13, own));
  // Of another length: not worth reading.
  const auto shorter = Ingest::borrow(stored, 12, own);
  REQUIRE_FALSE(shorter);
  CHECK(shorter.error().kind() == ErrorKind::kNotFound);
  CHECK_FALSE(path_exists(own));
  {
    auto borrowed = Ingest::borrow(stored, 13, own);
    REQUIRE(borrowed);
    CHECK(borrowed->path() == own);
    CHECK(borrowed->size() == 13);
    CHECK_FALSE(borrowed->append("more"));
    // Whoever removes the blob meanwhile takes nothing from the reader.
    REQUIRE(::unlink(stored.c_str()) == 0);
    CHECK(read_file(own).value() == "what it holds");
    REQUIRE(create_file(stored, "a new one"));
    REQUIRE(borrowed->clear());
    CHECK(borrowed->size() == 0);
    REQUIRE(borrowed->append("right"));
    CHECK(read_file(own).value() == "right");
    CHECK(read_file(stored).value() == "a new one");
    borrowed->remove();
  }
  CHECK_FALSE(path_exists(own));
  {
    // Also when the store has kept it: a link is not a copy.
    auto borrowed = Ingest::borrow(stored, 9, own);
    REQUIRE(borrowed);
    REQUIRE(borrowed->clear());
    REQUIRE(borrowed->append("other"));
    CHECK(read_file(stored).value() == "a new one");
  }
  REQUIRE(remove_tree(root));
}
