// The mounts of a container: Docker's defaults, the generated files, and what the user asked for.
#pragma once

#include <vector>

#include "engine/spec_builder.h"
#include "namespaces/mounts.h"

namespace engine {

std::vector<namespaces::Mount> container_mounts(const SpecInputs& inputs);

}  // namespace engine
