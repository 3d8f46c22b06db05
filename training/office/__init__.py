"""What an office's own finds teach: one fit over the authors' lessons and the office's rows."""
