// Nothing but what CMake precompiles for the rooms (VIAL_PCH).
