//! What a run was worth, for people: summary, Markdown, self-contained HTML
