# Types a line and TAB into a zsh with the completion of svrctl, and prints what the line is then, between < and >. Run as
# `zsh -f complete.zsh LINE` by cmd/svrctl/main.test.ts; waits for each answer, 45 s at most.
zmodload zsh/zpty
typeset -F SECONDS=0
answer=$(mktemp) || exit 1
rm -f $answer
zpty -b shell 'zsh -f -i'
zpty -w shell 'autoload -Uz compinit; compinit -u -D; source <(svrctl completion zsh)'
zpty -w shell "tell() { print -r -- \"<\$BUFFER>\" >$answer.new; mv $answer.new $answer }; zle -N tell; bindkey '^Xd' tell; print READY\$((1 + 1))"
until [[ $seen == *READY2* ]] || (( SECONDS > 45 )); do zpty -r -t shell part && seen+=$part || sleep 0.05; done
zpty -w -n shell "$1"$'\t\C-Xd'
until [[ -e $answer ]] || (( SECONDS > 45 )); do zpty -r -t shell part || sleep 0.05; done
cat $answer
rm -f $answer
zpty -d shell
