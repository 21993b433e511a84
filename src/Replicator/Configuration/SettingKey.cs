namespace Replicator.Configuration;

/// <summary>A setting: <c>[]</c> behind a part of its path stands for the place in a list.</summary>
/// <param name="Path">Its parts joined by dots, as docs/configuration.md has it.</param>
/// <param name="Default">What holds where nothing is said, in words.</param>
/// <param name="Meaning">What it is, with its unit.</param>
sealed record SettingKey(string Path, string Default, string Meaning);
