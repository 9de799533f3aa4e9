// Where the store keeps what, and the two small files it reads and writes: records and tags. For the store's
// own sources and its check (image/archive/check).
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/file.h"
#include "base/result.h"
#include "image/store.h"

namespace image {

// Sorted. No directory: none.
Result<std::vector<std::string>> names_in(const std::string& path);

std::string record_path(const std::string& root, const Digest& id);
std::string blob_path(const std::string& root, const Digest& digest);
std::string tag_path(const std::string& root, const Reference& name);

// Errors: kNotFound, kCorrupt for a record that this version did not write.
Result<Image> read_record(const std::string& root, const Digest& id);
// Not synced: note_unsynced() comes before it.
Result<void> write_record(const std::string& root, const Image& image);
// Ids of all records, sorted. No directory: none.
Result<std::vector<Digest>> list_records(const std::string& root);

Result<Digest> read_tag(const std::string& root, const Reference& name);
Result<void> write_tag(const std::string& root, const Reference& name, const Digest& id, Durable durable);
Result<void> remove_tag(const std::string& root, const Reference& name);
// All names of all images.
Result<std::multimap<Digest, Reference>> read_all_tags(const std::string& root);

// layers/X/layer.json of a published layer. kNotFound, kCorrupt.
Result<Layer> read_layer(const std::string& root, const std::string& directory);
std::string layer_json(const NewLayer& layer);

// ROOT/store.lock, locked with `operation` (LOCK_SH, LOCK_EX). Creates ROOT (0700).
Result<Fd> lock_store(const std::string& root, int operation);

// Takes a directory out of the store by one rename into ROOT/trash; empty_trash() removes it. The store is
// locked.
Result<void> move_to_trash(const std::string& root, const std::string& path);
// Slow; needs no lock.
Result<void> empty_trash(const std::string& root);

// The layers that records need, and those pinned by loads under way. The store is locked.
Result<std::set<std::string>> referenced_layers(const std::string& root);
// Removes the blobs and records of distribution that no image and no layer here needs. The store is locked.
Result<void> drop_unreferenced_blobs(const std::string& root);
// Names what is about to be published, see store_settle.cc. The store is locked.
Result<void> note_unsynced(const std::string& root, const NewImage& image);
// Drops what was published, was not yet synced when the machine stopped, and is not whole. The store is
// locked.
Result<void> drop_after_crash(const std::string& root);
// Moves the layers that are in none of the sets to the trash. The store is locked.
Result<void> drop_unreferenced_layers(const std::string& root, const std::set<std::string>& in_use);

}  // namespace image
