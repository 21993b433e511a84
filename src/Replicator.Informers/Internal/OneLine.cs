using System.Text;

namespace Replicator.Informers;

/// <summary>Errors of libraries run over several lines; a terminal and a health page want one.</summary>
static class OneLine
{
    const int Longest = 1000;

    public static string Of(string text)
    {
        var line = new StringBuilder(Math.Min(text.Length, Longest));
        var space = false;
        foreach (var character in text)
        {
            if (char.IsWhiteSpace(character) || char.IsControl(character))
            {
                space = line.Length > 0;
                continue;
            }
            if (space)
                line.Append(' ');
            space = false;
            line.Append(character);
            if (line.Length >= Longest)
                return line.Append('…').ToString();
        }
        return line.ToString();
    }

    /// <summary>The message of the innermost cause that says something: "connection refused" rather than "an error occurred while sending the request".</summary>
    public static string Of(Exception exception)
    {
        var cause = exception;
        while (cause is HttpRequestException or AggregateException or System.Reflection.TargetInvocationException && cause.InnerException is not null)
            cause = cause.InnerException;
        // TLS wraps what is wrong with the certificate in its own.
        return Of(cause is System.Security.Authentication.AuthenticationException { InnerException: { } inner } ? $"{cause.Message} {inner.Message}" : cause.Message);
    }
}
