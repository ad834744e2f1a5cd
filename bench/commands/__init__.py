"""What each command of ``meterbench`` does; imported when it is called."""
