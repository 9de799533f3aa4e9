// The filters of `ps`. Pure.
#pragma once

#include <vector>

#include "base/result.h"
#include "cli/listing.h"
#include "engine/store.h"

namespace cli {

// Checks keys and values, and looks up the containers of before= and since=. Errors: kInvalid `Invalid filter
// 'status=zzz'`, kNotFound `No such container: x`.
class ContainerFilters {
 public:
  static Result<ContainerFilters> make(const std::vector<std::string>& words, const engine::Listing& listing);

  bool matches(const engine::Container& container) const;
  // A filter on the state shows containers of every state, as in Docker.
  bool wants_every_state() const;

 private:
  std::vector<Filter> filters_;
  int64_t before_ns_ = INT64_MAX;  // created before this
  int64_t since_ns_ = INT64_MIN;
};

}  // namespace cli
