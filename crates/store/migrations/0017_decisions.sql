-- Evidence may say from now on that the operator decided. Programs of before do not know the word: this ends them.
update meta set value = value where key = '';
