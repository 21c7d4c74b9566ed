#compdef gantry
# Completion of the gantry command for zsh: put this file as "_gantry" into a folder of $fpath.

_gantry() {
  local reply rest line
  local -a offers
  reply=$(command gantry __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null) || return 1
  rest=${reply##*:}
  for line in ${(f)reply}; do
    [[ $line == ":$rest" ]] && continue
    # A colon separates word and explanation for _describe, so those of the word itself are escaped.
    offers+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
  done
  (( $#offers )) && _describe 'gantry' offers
  case $rest in
    files) _files ;;
    directories) _files -/ ;;
  esac
}

_gantry "$@"
