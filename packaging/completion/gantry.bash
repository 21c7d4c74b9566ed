# Completion of the gantry command for bash: source this file, or put it into
# /usr/share/bash-completion/completions/ under the name "gantry".

_gantry() {
  local typed=${COMP_LINE:0:COMP_POINT} words current reply rest offers line
  # The shell's own words are cut at ":" and "=", which image names and flags contain.
  read -ra words <<<"$typed"
  [[ $typed == *[[:space:]] ]] && words+=("")
  current=${words[${#words[@]}-1]}
  reply=$(command gantry __complete -- "${words[@]:1}" 2>/dev/null) || return
  rest=${reply##*:}
  COMPREPLY=()
  while IFS=$'\t' read -r line _; do
    [[ $line == ":$rest" || -z $line ]] || COMPREPLY+=("$line")
  done <<<"$reply"
  case $rest in
    files) compopt -o filenames; mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$current") ;;
    directories) compopt -o filenames; mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "$current") ;;
  esac
  # What the shell takes for the word under the cursor starts after the last break character.
  if [[ $current == *[:=]* && $COMP_WORDBREAKS == *:* ]]; then
    local before=${current%"${current##*[:=]}"} i
    for i in "${!COMPREPLY[@]}"; do COMPREPLY[i]=${COMPREPLY[i]#"$before"}; done
  fi
}

complete -F _gantry gantry
