Console.WriteLine("robustness");
