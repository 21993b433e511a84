using System.Text;
using Microsoft.AspNetCore.Http;

namespace Replicator.TestKit.ApiServer;

/// <summary>Something that goes wrong with one request. The factories name what a client meets.</summary>
public abstract class Fault
{
    /// <summary>An answer as a real server gave it: <c>list-continue-410</c>, <c>watch-410-in-stream</c> (see <see cref="RecordedAnswer"/>).</summary>
    public static Fault Recorded(string name) => new AnswerFault(RecordedAnswer.Load(name));

    /// <summary>An error Status.</summary>
    public static Fault Status(int code, string reason, string message = "", params (string Name, string Value)[] headers) => new AnswerFault(RecordedAnswer.OfStatus(code, reason, message, headers));

    /// <summary>Any answer at all.</summary>
    public static Fault Answer(int status, string body, string contentType = "application/json") => new AnswerFault(new RecordedAnswer(status, [("content-type", contentType)], Encoding.UTF8.GetBytes(body)));

    /// <summary>The request is taken and never answered.</summary>
    public static Fault NoAnswer() => new NoAnswerFault();

    /// <summary>The connection breaks before anything is answered.</summary>
    public static Fault NoConnection() => new NoConnectionFault();

    /// <summary>The connection breaks in the middle of the line that follows <paramref name="lines"/> whole ones.</summary>
    public static Fault CutInsideLine(int lines) => new LineFault(lines, (response, line) => response.TearAsync(line));

    /// <summary>The connection stays open, and nothing comes any more after <paramref name="lines"/> lines.</summary>
    public static Fault SilentAfter(int lines) => new LineFault(lines, (response, _) => response.StallAsync());

    /// <summary>The server ends the watch after <paramref name="lines"/> lines, as it does at will.</summary>
    public static Fault EndAfter(int lines) => new LineFault(lines, (response, _) =>
    {
        response.End();
        return ValueTask.CompletedTask;
    });

    /// <summary>A line of its own, before the line that follows <paramref name="lines"/> others.</summary>
    public static Fault InsertAfter(int lines, string text) => new LineFault(lines, async (response, line) =>
    {
        await response.SendAsync(Encoding.UTF8.GetBytes(text));
        await response.SendAsync(line);
    }, once: true);

    /// <summary>Another line in the place of the one that follows <paramref name="lines"/> others.</summary>
    public static Fault ReplaceAfter(int lines, Func<string, string> change) =>
        new LineFault(lines, (response, line) => response.SendAsync(Encoding.UTF8.GetBytes(change(Encoding.UTF8.GetString(line.Span)))), once: true);

    /// <summary>The line that follows <paramref name="lines"/> others is never sent: a lost event.</summary>
    public static Fault DropAfter(int lines) => new LineFault(lines, (_, _) => ValueTask.CompletedTask, once: true);

    /// <summary>Every line twice.</summary>
    public static Fault EveryLineTwice() => new LineFault(0, async (response, line) =>
    {
        await response.SendAsync(line);
        await response.SendAsync(line);
    });

    /// <summary>No bookmark reaches the client.</summary>
    public static Fault NoBookmarks() => new LineFault(0, (response, line) => IsBookmark(line) ? ValueTask.CompletedTask : response.SendAsync(line));

    /// <summary>A bookmark comes only after the line that follows it.</summary>
    public static Fault LateBookmarks()
    {
        ReadOnlyMemory<byte> held = default;
        return new LineFault(0, async (response, line) =>
        {
            if (IsBookmark(line))
            {
                held = line;
                return;
            }
            await response.SendAsync(line);
            if (!held.IsEmpty)
                await response.SendAsync(held);
            held = default;
        });
    }

    /// <summary>The body of a list breaks off after so many bytes.</summary>
    public static Fault CutBodyAfter(int bytes) => new BodyFault(bytes);

    /// <summary>The body of a list is another.</summary>
    public static Fault ChangeBody(Func<string, string> change) => new ChangedBodyFault(change);

    /// <summary>Something happens on the server before the request is answered as usual.</summary>
    public static Fault First(Action happens) => new FirstFault(happens);

    /// <summary>Answers in the place of the server; false where it does not.</summary>
    internal virtual ValueTask<bool> AnswerAsync(HttpContext context) => ValueTask.FromResult(false);

    /// <summary>Sends a line of a watch.</summary>
    internal virtual ValueTask SendLineAsync(WatchResponse response, ReadOnlyMemory<byte> line) => response.SendAsync(line);

    /// <summary>Sends the body of a list.</summary>
    internal virtual ValueTask SendBodyAsync(HttpContext context, ReadOnlyMemory<byte> body) => new(context.Response.Body.WriteAsync(body, context.RequestAborted).AsTask());

    internal static Fault None { get; } = new NoFault();

    static bool IsBookmark(ReadOnlyMemory<byte> line) => line.Span.StartsWith("{\"type\":\"BOOKMARK\""u8);

    static async ValueTask UntilGoneAsync(HttpContext context)
    {
        var gone = new TaskCompletionSource();
        await using var registration = context.RequestAborted.Register(gone.SetResult);
        await gone.Task;
    }

    sealed class NoFault : Fault;

    sealed class AnswerFault(RecordedAnswer answer) : Fault
    {
        internal override async ValueTask<bool> AnswerAsync(HttpContext context)
        {
            context.Response.StatusCode = answer.Status;
            foreach (var (name, value) in answer.Headers)
                context.Response.Headers[name] = value;
            await context.Response.Body.WriteAsync(answer.Body, context.RequestAborted);
            return true;
        }
    }

    sealed class NoAnswerFault : Fault
    {
        internal override async ValueTask<bool> AnswerAsync(HttpContext context)
        {
            await UntilGoneAsync(context);
            return true;
        }
    }

    sealed class NoConnectionFault : Fault
    {
        internal override ValueTask<bool> AnswerAsync(HttpContext context)
        {
            context.Abort();
            return ValueTask.FromResult(true);
        }
    }

    sealed class FirstFault(Action happens) : Fault
    {
        internal override ValueTask<bool> AnswerAsync(HttpContext context)
        {
            happens();
            return ValueTask.FromResult(false);
        }
    }

    sealed class LineFault(int lines, Func<WatchResponse, ReadOnlyMemory<byte>, ValueTask> act, bool once = false) : Fault
    {
        int _seen;

        internal override ValueTask SendLineAsync(WatchResponse response, ReadOnlyMemory<byte> line) => _seen++ == lines || !once && _seen > lines ? act(response, line) : response.SendAsync(line);
    }

    sealed class BodyFault(int bytes) : Fault
    {
        internal override async ValueTask SendBodyAsync(HttpContext context, ReadOnlyMemory<byte> body)
        {
            await context.Response.Body.WriteAsync(body[..Math.Min(bytes, body.Length)], context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
            context.Abort();
        }
    }

    sealed class ChangedBodyFault(Func<string, string> change) : Fault
    {
        internal override ValueTask SendBodyAsync(HttpContext context, ReadOnlyMemory<byte> body) =>
            new(context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(change(Encoding.UTF8.GetString(body.Span))), context.RequestAborted).AsTask());
    }
}

/// <summary>The lines of an open watch on their way to the client.</summary>
sealed class WatchResponse(HttpContext context)
{
    public bool Ended { get; private set; }

    public async ValueTask SendAsync(ReadOnlyMemory<byte> line)
    {
        await context.Response.Body.WriteAsync(line, context.RequestAborted);
        await context.Response.Body.WriteAsync("\n"u8.ToArray(), context.RequestAborted);
    }

    /// <summary>Half of a line, and then no connection. What came before has left the machine.</summary>
    public async ValueTask TearAsync(ReadOnlyMemory<byte> line)
    {
        await context.Response.Body.WriteAsync(line[..(line.Length / 2)], context.RequestAborted);
        await context.Response.Body.FlushAsync(context.RequestAborted);
        End();
        context.Abort();
    }

    public async ValueTask StallAsync()
    {
        await context.Response.Body.FlushAsync(context.RequestAborted);
        var gone = new TaskCompletionSource();
        await using var registration = context.RequestAborted.Register(gone.SetResult);
        await gone.Task;
        End();
    }

    public void End() => Ended = true;
}
