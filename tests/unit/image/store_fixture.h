// A store in a temporary directory, and images of nothing but digits to put into it.
#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "base/file.h"
#include "image/store.h"
#include "tests/unit/temporary_directory.h"

class StoreFixture {
 public:
  std::string root() const { return temporary_.file("store"); }
  image::Store store() const { return image::Store(root()); }
  bool has_layer(char digit) const { return path_exists(root() + "/layers/" + std::string(16, digit)); }
  std::vector<std::string> names(const std::string& directory) const {
    auto list = list_directory(root() + "/" + directory);
    return list ? *list : std::vector<std::string>();
  }

 private:
  TemporaryDirectory temporary_;
};

inline image::Digest digest(char digit) {
  return *image::Digest::parse("sha256:" + std::string(64, digit));
}

inline image::Reference name(const char* text) {
  return *image::Reference::parse_with_default_tag(text);
}

inline image::NewLayer staged_layer(const image::Staging& staging, char digit) {
  const std::string directory = std::string("layer-") + digit;
  REQUIRE(make_directories(staging.path() + "/" + directory + "/fs"));
  REQUIRE(create_file(staging.path() + "/" + directory + "/fs/file", std::string(1, digit)));
  return image::NewLayer{digest(digit), digest(digit), 10, directory};
}
