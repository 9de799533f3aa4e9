// Reads files of a container that is not running: looks through its layer directories as overlayfs would
// (whiteouts, opaque directories, links across layers), by descriptors, never leaving them. Layers are
// hostile: a path of theirs may be a link to anywhere, a FIFO, a device.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace engine {

class LayerView {
 public:
  // The directories, top layer first; one that does not exist counts as empty.
  static Result<LayerView> open(const std::vector<std::string>& directories);

  // The content of the regular file `path` (links followed inside the container's root). kNotFound when there
  // is none; kInvalid when it is no regular file, a loop of links, or longer than `limit` bytes.
  Result<std::string> read(const std::string& path, size_t limit) const;

  // True when `path` is a directory in the merged view.
  bool is_directory(const std::string& path) const;

 private:
  struct Found {
    enum class Kind { kNothing, kDirectory, kLink, kFile } kind = Kind::kNothing;
    std::vector<Fd> directories;  // kDirectory: the merged ones, top first
    std::string link;             // kLink: its target
    Fd file;                      // kFile: open for reading, O_NONBLOCK
  };
  static Result<Found> look(const std::vector<Fd>& directories, const std::string& name);
  Result<Found> walk(const std::string& path) const;
  Result<std::vector<Fd>> roots() const;

  std::vector<Fd> layers_;
};

}  // namespace engine
