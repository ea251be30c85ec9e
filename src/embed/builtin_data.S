/* The files of models/ that come inside the program; read by builtin.cc. SWY_MODELS is their folder. */
  .section .rodata
  .macro model name, file
  .global \name
  .global \name\()_end
  .balign 64
\name:
  .incbin "\file"
\name\()_end:
  .byte 0
  .endm

  model swy_static_weights, SWY_STATIC_WEIGHTS
  model swy_static_vocab, SWY_STATIC_VOCAB
  model swy_static_config, SWY_STATIC_CONFIG
  model swy_head_domain, SWY_HEAD_DOMAIN
  model swy_head_task, SWY_HEAD_TASK
  model swy_head_facts, SWY_HEAD_FACTS
  model swy_head_difficulty, SWY_HEAD_DIFFICULTY
  model swy_grounding, SWY_GROUNDING
  .section .note.GNU-stack,"",%progbits
