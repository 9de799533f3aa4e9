# Debian packages, by cpack(1) in a build directory: vial-oci, one static program that needs nothing, and vial.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/packages)
set(CPACK_PACKAGE_CONTACT "the vial project")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL vial-oci)
if(TARGET vial-image)
  list(APPEND CPACK_COMPONENTS_ALL vial)
endif()
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_VIAL-OCI_PACKAGE_NAME vial-oci)
set(CPACK_COMPONENT_VIAL-OCI_DESCRIPTION "OCI container runtime for containerd, Docker, Podman and Kubernetes
One static program with the command line of runc, faster to start than crun.")
set(CPACK_DEBIAN_VIAL_PACKAGE_NAME vial)
set(CPACK_DEBIAN_VIAL_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_VIAL_PACKAGE_RECOMMENDS ca-certificates)
set(CPACK_COMPONENT_VIAL_DESCRIPTION "container runtime without a daemon that one can see through
Docker's commands for one machine, as root, and views of what the kernel does for
a container: explained, as a dry run, as a shell script.")
include(CPack)
