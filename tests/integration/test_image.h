// Images made by a test: layers of tar entries and a configuration, loaded from an archive and removed again.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "tests/integration/vial_fixture.h"
#include "tests/unit/archive/archives.h"

class LoadedImage {
 public:
  // `config` becomes the member "config" of the image's configuration. The lowest layer has busybox as
  // /bin/sh and friends when `with_shell`.
  LoadedImage(const Vial& vial, const Json& config, std::vector<std::vector<TarEntry>> layers,
              bool with_shell = true);
  ~LoadedImage();
  LoadedImage(const LoadedImage&) = delete;
  LoadedImage& operator=(const LoadedImage&) = delete;

  const Outcome& load() const { return load_; }
  // `vial run --rm OPTIONS IMAGE WORDS`; the test fails when the image was refused.
  Outcome run(const Words& options, const Words& words) const;

 private:
  const Vial& vial_;
  Outcome load_;
};
