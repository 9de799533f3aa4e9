# Man pages and shell completion, made by the programs themselves from the tables they parse with; licence and docs.
if(TARGET vial AND NOT VIAL_SANITIZE)
  set(documents ${CMAKE_BINARY_DIR}/documents)
  add_custom_command(OUTPUT ${documents}/done
    COMMAND ${CMAKE_SOURCE_DIR}/cmake/make-documents $<TARGET_FILE:vial> ${documents}
    COMMAND ${CMAKE_COMMAND} -E touch ${documents}/done
    DEPENDS vial ${CMAKE_SOURCE_DIR}/cmake/make-documents
    COMMENT "Man pages and completion")
  add_custom_target(documents ALL DEPENDS ${documents}/done)
  install(DIRECTORY ${documents}/man1 DESTINATION ${CMAKE_INSTALL_MANDIR})
  install(FILES ${documents}/vial.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME vial)
  install(FILES ${documents}/vial.zsh DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions RENAME _vial)
  install(FILES ${documents}/vial.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
