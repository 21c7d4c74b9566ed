# Completion of the gantry command for fish: put this file into ~/.config/fish/completions/.

function __gantry_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l reply (command gantry __complete -- $words[2..-1] $current 2>/dev/null)
    or return
    for line in $reply[1..-2]
        echo $line
    end
    switch $reply[-1]
        case ':files'
            __fish_complete_path $current
        case ':directories'
            __fish_complete_directories $current
    end
end

complete -c gantry -f -a '(__gantry_complete)'
