// `login`: asks a registry whether it takes a user's password, before that is stored.
#pragma once

#include <string>

#include "base/result.h"
#include "image/registry/credentials.h"
#include "image/registry/settings.h"

namespace image::registry {

// The domain that a server argument means: "" and Docker Hub's addresses are docker.io, a scheme and a path
// are cut off. kInvalid for what can be none.
Result<std::string> login_domain(const std::string& server);

// Errors: kInvalid "unauthorized: ..." when the registry refuses; kInvalid when it asks nobody who he is and
// therefore can't say; those of fetch().
Result<void> check_login(const std::string& domain, const Credentials& credentials, const Settings& settings);

}  // namespace image::registry
