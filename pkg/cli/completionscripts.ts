// `svrctl completion SHELL`: scripts by which a shell asks `svrctl __complete` for what may follow. Called by program.ts. They hold no word
// of the command line themselves, so they fit every version.

import { suggestWord } from "../api/suggest.ts";
import { refuse } from "./optionvalues.ts";

/** shells are those that there is a script for. */
export const shells = ["bash", "zsh", "fish", "powershell"] as const;

/** Shell is one of them. */
export type Shell = (typeof shells)[number];

const bash = `# bash completion of svrctl: source <(svrctl completion bash)
_svrctl() {
  local line=\${COMP_LINE:0:COMP_POINT} cur=\${COMP_WORDS[COMP_CWORD]} last out candidate
  local -a words
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  last=\${words[-1]}
  [[ $cur == [=:] ]] && cur=
  out=$(svrctl __complete "\${words[@]:1}" 2>/dev/null) || return
  COMPREPLY=()
  while IFS= read -r candidate; do
    [[ $candidate == :[0-9]* ]] && break
    candidate=\${candidate%%$'\\t'*}
    COMPREPLY+=("\${candidate:\${#last}-\${#cur}}") # bash keeps what stands before = or :
  done <<<"$out"
  [[ \${#COMPREPLY[@]} == 1 && \${COMPREPLY[0]} == *= ]] && compopt -o nospace
  [[ \${out##*:} == 0 ]] && compopt -o default
  return 0
}
complete -F _svrctl svrctl
`;

const zsh = `#compdef svrctl
# zsh completion of svrctl: source <(svrctl completion zsh)
_svrctl() {
  local line
  local -a lines candidates
  lines=("\${(@f)$(svrctl __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  for line in $lines; do
    [[ $line == :[0-9]* ]] && continue
    candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}\${\${(M)line:#*$'\\t'*}:+:\${line#*$'\\t'}}")
  done
  if [[ \${lines[-1]} == :0 ]]; then _files; else _describe svrctl candidates; fi
}
compdef _svrctl svrctl
`;

const fish = `# fish completion of svrctl: svrctl completion fish | source
function __svrctl_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l lines (svrctl __complete $words[2..-1] 2>/dev/null)
  if test "$lines[-1]" = ":0"
    __fish_complete_path (commandline -ct)
  else
    string match -rv '^:[0-9]+$' -- $lines
  end
end
complete -c svrctl -f -a '(__svrctl_complete)'
`;

const powershell = `# PowerShell completion of svrctl: svrctl completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName svrctl -ScriptBlock {
  param($word, $ast, $cursor)
  $words = @($ast.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
  if ($word -eq '') { $words += '' }
  svrctl __complete @words 2>$null | Where-Object { $_ -notmatch '^:[0-9]+$' } | ForEach-Object {
    $value, $about = $_ -split "\`t", 2
    if (-not $about) { $about = $value }
    [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $about)
  }
}
`;

const scripts: Readonly<Record<Shell, string>> = { bash, zsh, fish, powershell };

/** completionScript gives the script of a shell. */
export function completionScript(shell: Shell): string {
  return scripts[shell];
}

/** readShell reads the name of a shell. */
export function readShell(text: string): Shell {
  const shell = shells.find((one) => one === text);
  if (shell !== undefined) return shell;
  const near = suggestWord(text, shells);
  return refuse(near === undefined ? `write ${shells.join(", ")}` : `did you mean ${near}?`);
}
