using System.CommandLine;

namespace Replicator.Commands;

/// <summary><c>replicator completion</c>: the scripts by which shells complete; they ask the program itself (System.CommandLine's <c>[suggest]</c> directive).</summary>
static class CompletionCommand
{
    const string Bash = """
        # bash completion for replicator: source <(replicator completion bash)
        _replicator() {
            local line="${COMP_LINE:0:COMP_POINT}" word candidates
            line="replicator ${line#* }"
            # Some characters, such as ':', end a word for readline only.
            word="${line##* }"
            candidates=$("${COMP_WORDS[0]}" "[suggest:${#line}]" "$line" 2>/dev/null) || return
            local prefix="${word%"${COMP_WORDS[COMP_CWORD]}"}" candidate
            COMPREPLY=()
            while IFS= read -r candidate; do
                [[ "$candidate" == "$word"* ]] && COMPREPLY+=("${candidate#"$prefix"}")
            done <<<"$candidates"
            [[ "${#COMPREPLY[@]}" -eq 1 && "${COMPREPLY[0]}" == */ ]] && compopt -o nospace
        }
        complete -o default -F _replicator replicator
        """;

    const string Zsh = """
        #compdef replicator
        # zsh completion for replicator: source <(replicator completion zsh), or put it into a file _replicator of $fpath
        _replicator() {
            local line="replicator ${${LBUFFER}#* }" candidate
            local -a candidates whole
            candidates=("${(@f)$(${words[1]} "[suggest:${#line}]" "$line" 2>/dev/null)}")
            for candidate in "${candidates[@]}"; do
                [[ -n "$candidate" ]] || continue
                if [[ "$candidate" == */ ]]; then compadd -S '' -- "$candidate"; else whole+=("$candidate"); fi
            done
            (( ${#whole} )) && compadd -- "${whole[@]}"
            (( ${#candidates} )) || _files
        }
        (( $+functions[compdef] )) && compdef _replicator replicator
        """;

    const string Fish = """
        # fish completion for replicator: replicator completion fish | source
        function __replicator_complete
            set -l words (commandline -cop)
            set -l line (string join ' ' -- replicator $words[2..-1] (commandline -ct))
            $words[1] "[suggest:"(string length -- $line)"]" "$line" 2>/dev/null
        end
        complete -c replicator -f -a '(__replicator_complete)'
        """;

    public static Command Create()
    {
        var shell = new Argument<string>("SHELL") { Description = "bash, zsh or fish." };
        shell.CompletionSources.Add("bash", "zsh", "fish");
        var command = new Command("completion", "Prints the script by which a shell completes commands, options, clusters, kinds and names: source <(replicator completion bash).") { shell };
        command.SetAction(result =>
        {
            Console.WriteLine(result.GetValue(shell) switch
            {
                "bash" => Bash,
                "zsh" => Zsh,
                "fish" => Fish,
                var other => throw new CommandException($"'{other}' is not a shell that completion is written for: write bash, zsh or fish."),
            });
            return 0;
        });
        return command;
    }
}
