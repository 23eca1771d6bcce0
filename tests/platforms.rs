//! Platforms as the rest of the program sees them: definitions, commands, recorded answers.
