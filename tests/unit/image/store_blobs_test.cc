// How layers travel, which blobs are kept, and what a crash of the machine leaves.
#include <catch2/catch.hpp>

#include "base/file.h"
#include "image/store.h"
#include "tests/unit/image/store_fixture.h"

using image::Digest;
using image::LayerBlob;
using image::NewImage;
using image::NewLayer;
using image::Store;

namespace {

// A layer with a blob beside it, as a pull stages it.
NewLayer layer_with_blob(const image::Staging& staging, char digit, char blob_digit) {
  NewLayer layer = staged_layer(staging, digit);
  layer.blob = LayerBlob{digest(blob_digit), 4, "application/vnd.oci.image.layer.v1.tar+gzip", {"host/name"}};
  layer.blob_file = staging.path() + "/blob-" + blob_digit;
  REQUIRE(create_file(layer.blob_file, "blob"));
  return layer;
}

void publish_with_blobs(const Store& store, char id, const char* tag) {
  const auto staging = store.stage();
  REQUIRE(staging);
  NewImage image{digest(id), "{}", {layer_with_blob(*staging, '1', 'b')}, {name(tag)}};
  image.manifest_json = "{\"manifest\":1}";
  image.manifest = digest('e');
  REQUIRE(store.publish(*staging, image));
}

// As if the machine had stopped since.
void pretend_reboot(const std::string& root) {
  const auto notes = list_directory(root + "/unsynced");
  REQUIRE(notes);
  for (const auto& note : *notes) {
    const std::string path = root + "/unsynced/" + note;
    REQUIRE(::rename(path.c_str(), (root + "/unsynced/another-boot" + note.substr(12)).c_str()) == 0);
  }
}

}  // namespace

TEST_CASE("a layer's blob comes with it, and goes with it") {
  const StoreFixture fixture;
  const Store store = fixture.store();
  publish_with_blobs(store, 'a', "one");
  publish_with_blobs(store, 'c', "two");
  CHECK(store.has_blob(digest('b')));
  const auto blobs = store.layer_blobs(digest('1'));
  REQUIRE(blobs);
  REQUIRE(blobs->size() == 1);
  CHECK(blobs->front().size == 4);
  CHECK(blobs->front().repositories == std::vector<std::string>{"host/name"});
  CHECK(*store.manifest_json(*store.find("one")) == "{\"manifest\":1}");
  REQUIRE(store.remove("one", {}));
  CHECK(store.has_blob(digest('b')));
  CHECK(store.has_blob(digest('e')));
  CHECK_FALSE(store.has_blob(digest('a')));
  REQUIRE(store.remove("two", {}));
  CHECK(fixture.names("blobs/sha256").empty());
  CHECK(fixture.names("distribution").empty());
}

TEST_CASE("another form of a layer and other repositories are remembered") {
  const StoreFixture fixture;
  const Store store = fixture.store();
  publish_with_blobs(store, 'a', "one");
  REQUIRE(store.note_layer_blob(digest('1'), {digest('d'), 9, "zstd", {"other/name"}}));
  REQUIRE(store.note_layer_blob(digest('1'), {digest('d'), 9, "zstd", {"host/b", "host/a"}}));
  const auto blobs = store.layer_blobs(digest('1'));
  REQUIRE(blobs->size() == 2);
  CHECK(blobs->at(0).digest == digest('b'));  // the one that is here
  CHECK(blobs->at(1).repositories == std::vector<std::string>{"host/a", "host/b", "other/name"});
  CHECK(store.layer_blobs(digest('2'))->empty());
}

TEST_CASE("a layer that only a container or a load uses keeps its blob") {
  const StoreFixture fixture;
  const Store store = fixture.store();
  publish_with_blobs(store, 'a', "one");
  REQUIRE(store.remove("one", {.force = true, .layers_in_use = {std::string(16, '1')}}));
  CHECK(store.has_blob(digest('b')));
  REQUIRE(store.prune_layers({}));
  CHECK_FALSE(store.has_blob(digest('b')));
}

TEST_CASE("the manifest stays when the same image comes again without one") {
  const StoreFixture fixture;
  const Store store = fixture.store();
  publish_with_blobs(store, 'a', "one");
  const auto staging = store.stage();
  REQUIRE(store.publish(*staging, NewImage{digest('a'), "{}", {{digest('1'), digest('1'), 10, ""}}, {}}));
  CHECK(store.find("one")->manifest == digest('e'));
}

TEST_CASE("what is not whole after the machine stopped is dropped, the rest stays") {
  const StoreFixture fixture;
  const Store store = fixture.store();
  publish_with_blobs(store, 'a', "one");
  REQUIRE(store.settle());
  CHECK(fixture.names("unsynced").empty());
  {
    const auto staging = store.stage();
    NewImage image{digest('c'), "{}", {{digest('1'), digest('1'), 10, ""}}, {name("two")}};
    image.layers.push_back(layer_with_blob(*staging, '2', 'f'));
    image.layers.back().size_bytes = 1;
    image.layers.back().entries = 1;
    REQUIRE(store.publish(*staging, image));
  }
  CHECK(store.hold());
  pretend_reboot(fixture.root());
  CHECK(store.hold());
  CHECK(store.find("two"));
  CHECK(store.has_blob(digest('f')));
  CHECK(fixture.names("unsynced").empty());
}

TEST_CASE("a layer, blob, record or configuration that is cut short goes with what needs it") {
  for (const char* part : {"layers/2222222222222222/fs/file", "images", "blobs/sha256", "layer.json"}) {
    INFO(part);
    const StoreFixture fixture;
    const Store store = fixture.store();
    publish_with_blobs(store, 'a', "one");
    REQUIRE(store.settle());
    {
      const auto staging = store.stage();
      NewImage image{digest('c'), "{}", {{digest('1'), digest('1'), 10, ""}}, {name("two")}};
      image.layers.push_back(layer_with_blob(*staging, '2', 'f'));
      image.layers.back().size_bytes = 1;
      image.layers.back().entries = 1;
      REQUIRE(store.publish(*staging, image));
    }
    std::string path = fixture.root() + "/" + part;
    if (part == std::string("images")) path += "/" + std::string(64, 'c') + ".json";
    if (part == std::string("blobs/sha256")) path += "/" + std::string(64, 'c');
    if (part == std::string("layer.json")) path = fixture.root() + "/layers/2222222222222222/layer.json";
    REQUIRE(replace_file(path, ""));
    REQUIRE(replace_file(store.blob_path(digest('f')), "blo"));
    pretend_reboot(fixture.root());
    CHECK(store.hold());
    CHECK(store.find("two").error().kind() == ErrorKind::kNotFound);
    CHECK(store.find("one"));
    CHECK(fixture.has_layer('1'));
    CHECK(store.has_blob(digest('b')));
    CHECK_FALSE(store.has_blob(digest('f')));
    CHECK(fixture.names("unsynced").empty());
  }
}
