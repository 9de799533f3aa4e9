# Man pages and shell completion, made by the programs themselves from the tables they parse with; licence and docs.
if(TARGET vial AND NOT VIAL_SANITIZE)
  set(documents ${CMAKE_BINARY_DIR}/documents)
  set(stamps)
  foreach(program vial vial-oci)
    if(NOT TARGET ${program})
      continue()
    endif()
    set(own ${documents}/${program})
    add_custom_command(OUTPUT ${own}/done
      COMMAND ${CMAKE_SOURCE_DIR}/cmake/make-documents $<TARGET_FILE:${program}> ${own}
      COMMAND ${CMAKE_COMMAND} -E touch ${own}/done
      DEPENDS ${program} ${CMAKE_SOURCE_DIR}/cmake/make-documents
      COMMENT "Man pages and completion of ${program}")
    list(APPEND stamps ${own}/done)
    package_of(${program} package)
    set(data ${CMAKE_INSTALL_DATADIR})
    install(DIRECTORY ${own}/man1 DESTINATION ${CMAKE_INSTALL_MANDIR} COMPONENT ${package})
    install(FILES ${own}/${program}.bash DESTINATION ${data}/bash-completion/completions RENAME ${program} COMPONENT ${package})
    install(FILES ${own}/${program}.zsh DESTINATION ${data}/zsh/site-functions RENAME _${program} COMPONENT ${package})
    install(FILES ${own}/${program}.fish DESTINATION ${data}/fish/vendor_completions.d COMPONENT ${package})
  endforeach()
  add_custom_target(documents ALL DEPENDS ${stamps})
endif()
# As in the tree, so that the links from one to another work.
install(FILES LICENSE README.md CONTRIBUTING.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT vial)
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT vial)
install(FILES LICENSE docs/runtime.md docs/spec-conformance.md DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/vial-oci COMPONENT vial-oci)
